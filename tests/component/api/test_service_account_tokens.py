"""Service account tokens: how they are asked for, what they say, and when they end."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import jwt
import orjson
import pytest
from api_world import Answer, Api, pod
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://kubernetes.default.svc.cluster.local"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
TOKEN = f"{ACCOUNTS}/robot/token"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


@pytest.fixture
async def robot(api: Api) -> dict[str, Any]:
    """The account's metadata."""
    made = await api.post(ACCOUNTS, {"metadata": {"name": "robot"}})
    metadata: dict[str, Any] = made.json["metadata"]
    return metadata


async def token(api: Api, **spec: Any) -> str:
    made = await api.post(TOKEN, {"spec": spec})
    assert made.status == 201, made.text
    text: str = made.json["status"]["token"]
    return text


def payload(text: str) -> dict[str, Any]:
    part = text.split(".")[1]
    decoded: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(part + "=="))
    return decoded


async def who(api: Api, text: str) -> Answer:
    return await api.post(WHO, {}, token=text)


async def review(api: Api, text: str, *audiences: str) -> dict[str, Any]:
    answer = await api.post(REVIEWS, {"spec": {"token": text, "audiences": list(audiences)}})
    assert answer.status == 201, answer.text
    status: dict[str, Any] = answer.json["status"]
    return status


async def test_a_request_is_answered_with_a_token(api: Api, robot: dict[str, Any]) -> None:
    made = (await api.post(TOKEN, {})).json
    assert (made["kind"], made["apiVersion"]) == ("TokenRequest", "authentication.k8s.io/v1")
    assert made["metadata"]["name"] == "robot"
    assert made["metadata"]["uid"] == robot["uid"]
    assert made["spec"] == {
        "audiences": [ISSUER],
        "expirationSeconds": 3600,
        "boundObjectRef": None,
    }
    claims = payload(made["status"]["token"])
    assert claims["iss"] == ISSUER
    assert claims["sub"] == "system:serviceaccount:default:robot"
    assert claims["aud"] == [ISSUER]
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["nbf"] == claims["iat"]
    assert claims["kubernetes.io"] == {
        "namespace": "default",
        "serviceaccount": {"name": "robot", "uid": robot["uid"]},
    }
    header = jwt.get_unverified_header(made["status"]["token"])
    assert set(header) == {"alg", "kid"}


async def test_the_token_is_who_it_says(api: Api, robot: dict[str, Any]) -> None:
    text = await token(api)
    info = (await who(api, text)).json["status"]["userInfo"]
    assert info == {
        "username": "system:serviceaccount:default:robot",
        "uid": robot["uid"],
        "groups": [
            "system:serviceaccounts",
            "system:serviceaccounts:default",
            "system:authenticated",
        ],
        "extra": {
            "authentication.kubernetes.io/credential-id": [f"JTI={payload(text)['jti']}"],
        },
    }
    refused = await api.get("/api/v1/namespaces/default/pods", token=text)
    assert refused.status == 403
    assert refused.json["message"] == (
        'pods is forbidden: User "system:serviceaccount:default:robot" cannot list resource '
        '"pods" in API group "" in the namespace "default"'
    )


INVALID = [
    (
        {"expirationSeconds": 599},
        "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 "
        "minutes",
    ),
    (
        {"expirationSeconds": (1 << 32) + 1},
        "spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger "
        "than 2^32 seconds",
    ),
    (
        {"attestations": {"a": ["b"]}},
        'spec.attestations: Invalid value: {"a":["b"]}: attestations may only be specified with a '
        "webhook bound object reference",
    ),
    (
        {
            "boundObjectRef": {
                "kind": "MutatingWebhookConfiguration",
                "apiVersion": "admissionregistration.k8s.io/v1",
                "name": "w",
            }
        },
        "spec.attestations: Invalid value: null: webhook bound requests require exactly one "
        "admissionReviewAPIGroups attestation",
    ),
]


@pytest.mark.parametrize(("spec", "problem"), INVALID)
async def test_what_is_wrong_with_a_request(
    api: Api, robot: dict[str, Any], spec: dict[str, Any], problem: str
) -> None:
    refused = await api.post(TOKEN, {"spec": spec})
    assert refused.status == 422
    assert refused.json["message"] == (
        f'TokenRequest.authentication.k8s.io "" is invalid: {problem}'
    )


async def test_requests_for_somebody_else(api: Api, robot: dict[str, Any]) -> None:
    nobody = await api.post(f"{ACCOUNTS}/nobody/token", {})
    assert (nobody.status, nobody.json["message"]) == (404, 'serviceaccounts "nobody" not found')
    named = await api.post(TOKEN, {"metadata": {"name": "other"}})
    assert named.status == 422
    assert "metadata.name: Invalid value" in named.json["message"]
    uid = await api.post(TOKEN, {"metadata": {"uid": "u"}})
    assert uid.status == 409
    assert uid.json["message"] == (
        'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in '
        "the token request (u) does not match the UID of the service account "
        f"({robot['uid']})"
    )
    wrong = await api.post(TOKEN, {"spec": {"expirationSeconds": "long"}})
    assert wrong.status == 400
    assert (await api.get(TOKEN)).status == 405


def bound_to(kind: str, name: str, **more: str) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": "v1", "name": name, **more}


async def test_what_a_token_can_be_bound_to(api: Api, robot: dict[str, Any]) -> None:
    async def refusal(reference: dict[str, Any]) -> tuple[int, str]:
        answer = await api.post(TOKEN, {"spec": {"boundObjectRef": reference}})
        return answer.status, answer.json["message"]

    await api.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
    await api.post("/api/v1/namespaces/default/pods", pod("p"))
    assert await refusal(bound_to("Secret", "t")) == (404, 'secrets "t" not found')
    assert await refusal(bound_to("Service", "t")) == (
        400,
        "cannot bind token to object of type /v1, Kind=Service",
    )
    status, text = await refusal(bound_to("Secret", "s", uid="old"))
    assert (status, text) == (
        409,
        'Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (old) '
        "does not match the UID in record. The object might have been deleted and then recreated",
    )
    assert await refusal(bound_to("Pod", "p")) == (
        400,
        'cannot bind token for serviceaccount "robot" to pod running with different '
        "serviceaccount name.",
    )


async def test_a_token_ends_with_what_it_is_bound_to(api: Api, robot: dict[str, Any]) -> None:
    secrets = "/api/v1/namespaces/default/secrets"
    await api.post(secrets, {"metadata": {"name": "s"}})
    text = await token(api, boundObjectRef=bound_to("Secret", "s"))
    assert (await who(api, text)).status == 201
    await api.delete(f"{secrets}/s")
    assert (await who(api, text)).status == 401
    assert (await review(api, text))["error"] == (
        "[invalid bearer token, service account token has been invalidated]"
    )
    again = (await api.post(secrets, {"metadata": {"name": "s"}})).json["metadata"]["uid"]
    assert (await who(api, text)).status == 401
    assert f"secret UID ({again}) does not match" in (await review(api, text))["error"]


async def test_a_token_ends_with_its_account(api: Api, robot: dict[str, Any]) -> None:
    text = await token(api)
    assert (await who(api, text)).status == 201
    await api.delete(f"{ACCOUNTS}/robot")
    assert (await who(api, text)).status == 401
    assert (await review(api, text))["error"] == (
        '[invalid bearer token, serviceaccounts "robot" not found]'
    )
    await api.post(ACCOUNTS, {"metadata": {"name": "robot"}})
    assert (await who(api, text)).status == 401


async def test_a_pods_token_names_the_pod_and_its_node(api: Api, robot: dict[str, Any]) -> None:
    node = (await api.post("/api/v1/nodes", {"metadata": {"name": "n"}})).json["metadata"]["uid"]
    body = pod("p")
    body["spec"] |= {"serviceAccountName": "robot", "nodeName": "n"}
    uid = (await api.post("/api/v1/namespaces/default/pods", body)).json["metadata"]["uid"]
    text = await token(api, boundObjectRef=bound_to("Pod", "p"), expirationSeconds=3607)
    claims = payload(text)
    assert claims["kubernetes.io"]["pod"] == {"name": "p", "uid": uid}
    assert claims["kubernetes.io"]["node"] == {"name": "n", "uid": node}
    # what kubelets ask for lasts longer than they are told
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] - claims["iat"] == 3607
    extra = (await who(api, text)).json["status"]["userInfo"]["extra"]
    prefix = "authentication.kubernetes.io"
    assert extra[f"{prefix}/pod-name"] == ["p"]
    assert extra[f"{prefix}/pod-uid"] == [uid]
    assert extra[f"{prefix}/node-name"] == ["n"]
    assert extra[f"{prefix}/node-uid"] == [node]


async def test_a_token_for_others_is_not_for_us(api: Api, robot: dict[str, Any]) -> None:
    text = await token(api, audiences=["vault", "safe"])
    assert (await who(api, text)).status == 401
    assert (await review(api, text))["error"] == (
        '[invalid bearer token, token audiences ["vault" "safe"] is invalid for the target '
        f'audiences ["{ISSUER}"]]'
    )
    good = await review(api, text, "safe", "house")
    assert good["authenticated"] is True
    assert good["audiences"] == ["safe"]
    assert good["user"]["username"] == "system:serviceaccount:default:robot"


def nested(depth: int) -> str:
    header = b'{"alg":"ES256","x":' + b"[" * depth + b"]" * depth + b"}"
    return base64.urlsafe_b64encode(header).rstrip(b"=").decode()


async def test_forged_tokens_are_nobodys(api: Api, robot: dict[str, Any]) -> None:
    good = await token(api)
    head, body, signature = good.split(".")
    claims = payload(good)
    kid = jwt.get_unverified_header(good)["kid"]
    other = ec.generate_private_key(ec.SECP256R1())
    public = hashlib.sha256(good.encode()).hexdigest()
    forged = {
        "another payload": f"{head}.{body[:-4]}AAAA.{signature}",
        "no signature": f"{head}.{body}.",
        "no algorithm": jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        "another kind of key": jwt.encode(claims, public, algorithm="HS256", headers={"kid": kid}),
        "another key": jwt.encode(claims, other, algorithm="ES256", headers={"kid": kid}),
        "an unknown key": jwt.encode(claims, other, algorithm="ES256", headers={"kid": "x"}),
        "another issuer": jwt.encode({**claims, "iss": "me"}, other, algorithm="ES256"),
        "not a token": "a.b.c",
        "too long": "a" * 20_000,
        "a header that nests": f"{nested(200)}.{body}.{signature}",
        "a header that nests deep": f"{nested(4000)}.{body}.{signature}",
    }
    accepted = [what for what, text in forged.items() if (await who(api, text)).status != 401]
    assert accepted == []
    assert (await who(api, good)).status == 201


async def test_static_tokens_can_be_reviewed_too(api: Api) -> None:
    status = await review(api, "jane-token")
    assert status == {
        "authenticated": True,
        "user": {"username": "jane", "uid": "2", "groups": ["developers", "system:authenticated"]},
        "audiences": [ISSUER],
    }
    assert (await review(api, "nonsense")) == {"user": {}, "error": "invalid bearer token"}
    assert (await review(api, "jane-token", "vault"))["error"] == "invalid bearer token"
    missing = await api.post(REVIEWS, {"spec": {"token": ""}})
    assert missing.json["message"] == "token is required for TokenReview in authentication"
    assert (await api.post(REVIEWS, {"spec": {"token": "x"}}, token="jane-token")).status == 403


async def test_others_can_verify_tokens_by_themselves(api: Api, robot: dict[str, Any]) -> None:
    text = await token(api, audiences=["vault"])
    ours = await token(api)
    document = await api.get("/.well-known/openid-configuration", token=ours)
    assert document.json["issuer"] == ISSUER
    assert document.json["id_token_signing_alg_values_supported"] == ["ES256"]
    assert document.header("cache-control") == "public, max-age=3600"
    keys = await api.get("/openid/v1/jwks", token=ours)
    assert keys.header("content-type") == "application/jwk-set+json"
    kid = jwt.get_unverified_header(text)["kid"]
    (key,) = [jwt.PyJWK(key) for key in keys.json["keys"] if key["kid"] == kid]
    claims = jwt.decode(text, key, audience="vault", issuer=ISSUER)
    assert claims["sub"] == "system:serviceaccount:default:robot"
    assert (await api.get("/openid/v1/jwks", token="jane-token")).status == 403
    assert (await api.get("/openid/v1/other")).status == 404


async def test_what_one_may_do_is_listed(api: Api, robot: dict[str, Any]) -> None:
    url = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    question = {"spec": {"namespace": "default"}}
    mine = (await api.post(url, question, token=await token(api))).json["status"]
    assert mine["incomplete"] is False
    assert {tuple(rule["resources"]) for rule in mine["resourceRules"]} == {
        ("selfsubjectaccessreviews",),
        ("selfsubjectrulesreviews",),
        ("selfsubjectreviews",),
    }
    assert all(rule["verbs"] == ["get"] for rule in mine["nonResourceRules"])
    admins = (await api.post(url, question)).json["status"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in admins["resourceRules"]
    assert {"verbs": ["*"], "nonResourceURLs": ["*"]} in admins["nonResourceRules"]
    nowhere = await api.post(url, {"spec": {}})
    assert (nowhere.status, nowhere.json["message"]) == (400, "no namespace on request")


async def test_component_statuses(api: Api) -> None:
    url = "/api/v1/componentstatuses"
    store = await api.get(f"{url}/etcd-0")
    assert store.json == {
        "kind": "ComponentStatus",
        "apiVersion": "v1",
        "metadata": {"name": "etcd-0"},
        "conditions": [{"type": "Healthy", "status": "True", "message": "ok"}],
    }
    assert store.warnings == ['299 - "v1 ComponentStatus is deprecated in v1.19+"']
    listed = (await api.get(url)).json
    assert listed["kind"] == "ComponentStatusList"
    names = [item["metadata"]["name"] for item in listed["items"]]
    assert names == ["controller-manager", "etcd-0", "scheduler"]
    accept = {"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    table = (await api.get(f"{url}?fieldSelector=metadata.name=etcd-0", headers=accept)).json
    assert [row["cells"] for row in table["rows"]] == [["etcd-0", "Healthy", "ok", ""]]
    unknown = await api.get(f"{url}/nothing")
    assert (unknown.status, unknown.json["message"]) == (500, "Component not found: nothing")
