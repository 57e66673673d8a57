"""Pods run as an account, with its token and its pull secrets."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api, pod

NAMESPACES = "/api/v1/namespaces"
DEFAULT = f"{NAMESPACES}/default"
PODS, ACCOUNTS = f"{DEFAULT}/pods", f"{DEFAULT}/serviceaccounts"
WHO = 'pods "a" is forbidden: '
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def with_spec(**spec: Any) -> dict[str, Any]:
    made = pod("a")
    made["spec"].update(spec)
    return made


async def test_a_pod_runs_as_the_default_account_with_its_token(api: Api) -> None:
    given = with_spec(initContainers=[{"name": "first", "image": "busybox"}])
    made = (await api.post(PODS, given)).json["spec"]
    assert (made["serviceAccountName"], made["serviceAccount"]) == ("default", "default")
    (volume,) = made["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert len(volume["name"]) == len("kube-api-access-") + 5
    assert volume["projected"] == {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {
                "configMap": {
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    "name": "kube-root-ca.crt",
                }
            },
            {
                "downwardAPI": {
                    "items": [
                        {
                            "path": "namespace",
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                        }
                    ]
                }
            },
        ],
    }
    mount = {"mountPath": MOUNT_PATH, "name": volume["name"], "readOnly": True}
    for container in (*made["containers"], *made["initContainers"]):
        assert container["volumeMounts"] == [mount]


async def test_a_pod_right_after_its_namespace_finds_its_account(api: Api) -> None:
    for position in range(5):
        name = f"new-{position}"
        await api.post(NAMESPACES, {"metadata": {"name": name}})
        made = await api.post(f"{NAMESPACES}/{name}/pods", pod("a"))
        assert made.status == 201, made.text


AUTOMOUNT = [
    (None, None, True),
    (None, False, False),
    (False, None, False),
    (True, False, True),
    (False, True, False),
]


@pytest.mark.parametrize(("pods", "accounts", "mounted"), AUTOMOUNT)
async def test_the_token_can_be_left_out(
    api: Api, pods: bool | None, accounts: bool | None, mounted: bool
) -> None:
    account: dict[str, Any] = {"metadata": {"name": "robot"}}
    given = with_spec(serviceAccountName="robot")
    if accounts is not None:
        account["automountServiceAccountToken"] = accounts
    if pods is not None:
        given["spec"]["automountServiceAccountToken"] = pods
    await api.post(ACCOUNTS, account)
    made = (await api.post(PODS, given)).json["spec"]
    assert bool(made.get("volumes")) is mounted


async def test_who_mounts_something_there_keeps_it(api: Api) -> None:
    given = with_spec(volumes=[{"name": "mine", "emptyDir": {}}])
    mount = {"name": "mine", "mountPath": MOUNT_PATH}
    given["spec"]["containers"][0]["volumeMounts"] = [mount]
    made = (await api.post(PODS, given)).json["spec"]
    assert [volume["name"] for volume in made["volumes"]] == ["mine"]
    assert made["containers"][0]["volumeMounts"] == [mount]


async def test_an_account_has_to_exist(api: Api) -> None:
    refused = await api.post(PODS, with_spec(serviceAccountName="none"))
    assert (refused.status, refused.json["message"]) == (
        403,
        f'{WHO}error looking up service account default/none: serviceaccount "none" not found',
    )


async def test_pull_secrets_are_the_accounts(api: Api) -> None:
    account = {"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "registry"}]}
    await api.post(ACCOUNTS, account)
    made = (await api.post(PODS, with_spec(serviceAccountName="robot"))).json["spec"]
    assert made["imagePullSecrets"] == [{"name": "registry"}]
    own = with_spec(serviceAccountName="robot", imagePullSecrets=[{"name": "mine"}])
    own["metadata"]["name"] = "b"
    made = (await api.post(PODS, own)).json["spec"]
    assert made["imagePullSecrets"] == [{"name": "mine"}]


FROM_KEY = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
TOKEN = {"serviceAccountToken": {"path": "token"}}
MIRRORS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"serviceAccountName": "x"}, "a mirror pod may not reference service accounts"),
    (
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        "a mirror pod may not reference secrets",
    ),
    (
        {"containers": [{"name": "main", "image": "busybox", "env": [FROM_KEY]}]},
        "a mirror pod may not reference secrets",
    ),
    (
        {"volumes": [{"name": "v", "projected": {"sources": [TOKEN]}}]},
        "a mirror pod may not use ServiceAccountToken volume projections",
    ),
]


@pytest.mark.parametrize(("spec", "why"), MIRRORS)
async def test_mirror_pods_have_no_account(api: Api, spec: dict[str, Any], why: str) -> None:
    given = with_spec(nodeName="n", **spec)
    given["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    answer = await api.post(PODS, given)
    if why:
        assert (answer.status, answer.json["message"]) == (403, WHO + why)
    else:
        assert answer.status == 201, answer.text
        assert "serviceAccountName" not in answer.json["spec"]


UNLISTED = "is not allowed because service account strict does not reference that"
LIMITED: list[tuple[dict[str, Any], str]] = [
    ({"volumes": [{"name": "v", "secret": {"secretName": "listed"}}]}, ""),
    (
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        f'volume with secret.secretName="s" {UNLISTED} secret',
    ),
    (
        {"containers": [{"name": "main", "image": "busybox", "env": [FROM_KEY]}]},
        f'container main with envVar X referencing secret.secretName="s" {UNLISTED} secret',
    ),
    (
        {
            "initContainers": [
                {"name": "i", "image": "busybox", "envFrom": [{"secretRef": {"name": "s"}}]}
            ]
        },
        f'init container i with envFrom referencing secret.secretName="s" {UNLISTED} secret',
    ),
    (  # before anything else that is wrong with the pod
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}], "restartPolicy": "Never!"},
        f'volume with secret.secretName="s" {UNLISTED} secret',
    ),
    (
        {"imagePullSecrets": [{"name": "s"}]},
        f'imagePullSecrets[0].name="s" {UNLISTED} imagePullSecret',
    ),
]


@pytest.mark.parametrize(("spec", "why"), LIMITED)
async def test_an_account_can_limit_the_secrets(api: Api, spec: dict[str, Any], why: str) -> None:
    account = {
        "metadata": {
            "name": "strict",
            "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"},
        },
        "secrets": [{"name": "listed"}],
    }
    await api.post(ACCOUNTS, account)
    answer = await api.post(PODS, with_spec(serviceAccountName="strict", **spec))
    assert answer.status == (403 if why else 201), answer.text
    if why:
        assert answer.json["message"] == WHO + why


async def test_containers_that_are_added_are_limited_too(api: Api) -> None:
    account: dict[str, Any] = {"metadata": {"name": "strict"}}
    await api.post(ACCOUNTS, account)
    await api.post(PODS, with_spec(serviceAccountName="strict"))
    mark = {"kubernetes.io/enforce-mountable-secrets": "true"}
    await api.patch(f"{ACCOUNTS}/strict", {"metadata": {"annotations": mark}})
    debugger = {"name": "d", "image": "busybox", "envFrom": [{"secretRef": {"name": "s"}}]}
    added = {"spec": {"ephemeralContainers": [debugger]}}
    refused = await api.patch(f"{PODS}/a/ephemeralcontainers", added, kind="strategic")
    assert (refused.status, refused.json["message"]) == (
        403,
        f'{WHO}ephemeral container d with envFrom referencing secret.secretName="s" {UNLISTED} '
        "secret",
    )
    del debugger["envFrom"]
    fine = await api.patch(f"{PODS}/a/ephemeralcontainers", added, kind="strategic")
    assert fine.status == 200, fine.text
