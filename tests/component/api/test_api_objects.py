"""Create, read, update and delete: what a client gets back, Status bodies included."""

from __future__ import annotations

import random
from typing import Any

import pytest
from api_world import Answer, Api, config_map, deployment, pod

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def status(answer: Answer) -> tuple[int, str, str]:
    body = answer.json
    assert body["kind"] == "Status"
    assert body["code"] == answer.status
    return answer.status, body.get("reason", ""), body["message"]


async def test_a_created_object_has_an_identity_and_reads_back_the_same(api: Api) -> None:
    created = await api.post(MAPS, config_map("a", key="value"))
    assert created.status == 201
    metadata = created.json["metadata"]
    assert metadata["namespace"] == "default"
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    read = await api.get(f"{MAPS}/a")
    assert read.status == 200
    assert read.json == created.json
    assert (await api.get(f"{MAPS}/a?resourceVersion=0")).json == created.json


async def test_what_only_the_server_may_set_is_not_taken_from_the_client(api: Api) -> None:
    sent = config_map("a")
    sent["metadata"] |= {
        "uid": "mine",
        "creationTimestamp": "2001-01-01T00:00:00Z",
        "deletionTimestamp": "2001-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 3,
        "selfLink": "/mine",
        "generation": 7,
    }
    metadata = (await api.post(MAPS, sent)).json["metadata"]
    assert metadata["uid"] != "mine"
    assert not metadata["creationTimestamp"].startswith("2001")
    assert not {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"} & set(metadata)


async def test_a_second_create_is_a_conflict(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    again = await api.post(MAPS, config_map("a"))
    assert status(again) == (409, "AlreadyExists", 'configmaps "a" already exists')
    assert again.json["details"] == {"name": "a", "kind": "configmaps"}


async def test_generated_names_have_the_prefix_and_differ(api: Api) -> None:
    names = set()
    for _ in range(5):
        sent = config_map("")
        sent["metadata"] = {"generateName": "job-"}
        names.add((await api.post(MAPS, sent)).json["metadata"]["name"])
    assert len(names) == 5
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


def suffixes(monkeypatch: pytest.MonkeyPatch, *made: str) -> None:
    """What chance will have it."""
    left = list(made)
    monkeypatch.setattr(random, "choices", lambda *_, **__: list(left.pop(0)))


async def test_a_generated_name_that_is_taken_is_made_anew(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    spec = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}
    sent = {"metadata": {"generateName": "job-"}, "spec": {"template": {"spec": spec}}}
    suffixes(monkeypatch, "aaaaa", "aaaaa", "aaaaa", "bbbbb")
    first, second = [(await api.post(jobs, sent)).json for _ in range(2)]
    assert [job["metadata"]["name"] for job in (first, second)] == ["job-aaaaa", "job-bbbbb"]
    labels = second["spec"]["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/job-name"] == "job-bbbbb"
    assert labels["controller-uid"] == second["metadata"]["uid"]


async def test_after_eight_taken_names_the_client_has_to_come_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"metadata": {"generateName": "a-"}}
    suffixes(monkeypatch, *["bbbbb"] * 9)
    await api.post(MAPS, sent)
    refused = await api.post(MAPS, sent)
    assert status(refused) == (
        409,
        "AlreadyExists",
        'configmaps "a-bbbbb" already exists, the server was not able to generate a unique name '
        "for the object",
    )
    assert refused.json["details"]["retryAfterSeconds"] == 1
    assert refused.header("retry-after") == "1"


async def test_a_taken_name_beside_a_prefix_is_told_as_one_that_was_generated(api: Api) -> None:
    sent = config_map("a")
    sent["metadata"] |= {"generateName": "a-", "finalizers": ["example.com/hold"]}
    await api.post(MAPS, sent)
    again = await api.post(MAPS, sent)
    taken = (
        'configmaps "a" already exists, the server was not able to generate a unique name for the '
        "object"
    )
    assert status(again) == (409, "AlreadyExists", taken)
    assert again.json["details"]["retryAfterSeconds"] == 1
    await api.delete(f"{MAPS}/a")
    assert (await api.post(MAPS, sent)).json["message"] == f"object is being deleted: {taken}"


MISTAKES: list[tuple[dict[str, Any], int, str, str]] = [
    (
        {"metadata": {}},
        422,
        "Invalid",
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ),
    (
        {"metadata": {"name": "Bad_Name"}},
        422,
        "Invalid",
        'ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase '
        "RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
        "must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
        "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ),
    (
        {"metadata": {"name": "a", "namespace": "elsewhere"}},
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
    (
        {"metadata": {"name": "a", "resourceVersion": "5"}},
        500,
        "",
        "resourceVersion should not be set on objects to be created",
    ),
    (
        {"metadata": {"name": "a", "labels": {"app": "no spaces"}}},
        422,
        "Invalid",
        'ConfigMap "a" is invalid: metadata.labels: Invalid value: "no spaces": a valid label must '
        "be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
        "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ),
    (
        {"kind": "Secret", "metadata": {"name": "a"}},
        400,
        "BadRequest",
        'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to '
        "(core.ConfigMap): unknown conversion",
    ),
    (
        {"apiVersion": "v2", "metadata": {"name": "a"}},
        400,
        "BadRequest",
        'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is '
        'registered for version "v2" in scheme '
        '"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"',
    ),
]


@pytest.mark.parametrize(("wrong", "code", "reason", "message"), MISTAKES)
async def test_mistakes_are_told_in_upstreams_words(
    api: Api, wrong: dict[str, Any], code: int, reason: str, message: str
) -> None:
    answer = await api.post(MAPS, {"apiVersion": "v1", "kind": "ConfigMap", **wrong})
    assert status(answer) == (code, reason, message)


async def test_all_findings_come_at_once_with_their_fields(api: Api) -> None:
    sent = deployment("d")
    sent["metadata"]["name"] = "UPPER"
    sent["metadata"]["labels"] = {"-": "x"}
    answer = await api.post(DEPLOYMENTS, sent)
    assert answer.status == 422
    fields = {cause["field"] for cause in answer.json["details"]["causes"]}
    assert {"metadata.name", "metadata.labels"} <= fields
    assert answer.json["details"]["kind"] == "Deployment"
    assert answer.json["details"]["group"] == "apps"


async def test_a_body_that_is_no_object_is_explained(api: Api) -> None:
    cut = await api.post(MAPS, b'{"kind":"ConfigMap",')
    assert cut.status == 400
    assert cut.json["message"].startswith(
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get "
        "version/kind; json parse error: "
    )
    listed = await api.post(MAPS, b"[]")
    assert listed.status == 400
    wrong = await api.post(MAPS, b"{}", headers={"content-type": "text/plain"})
    assert status(wrong)[:2] == (415, "UnsupportedMediaType")


async def test_yaml_bodies_are_taken_and_yaml_answers_given(api: Api) -> None:
    body = b"kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: a\ndata:\n  answer: 'yes'\n"
    headers = {"content-type": "application/yaml", "accept": "application/yaml"}
    answer = await api.post(MAPS, body, headers=headers)
    assert answer.status == 201
    assert answer.header("content-type") == "application/yaml"
    assert 'answer: "yes"\n' in answer.text


async def test_unknown_and_duplicate_fields_by_field_validation(api: Api) -> None:
    body = (
        b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"%b"},'
        b'"data":{"a":"1","a":"2"},"colour":"red"}'
    )
    strict = await api.post(f"{MAPS}?fieldValidation=Strict", body % b"s")
    assert status(strict) == (
        400,
        "BadRequest",
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'duplicate field "data.a", unknown field "colour"',
    )
    warned = await api.post(MAPS, body % b"w")
    assert warned.status == 201
    assert warned.warnings == [
        '299 - "duplicate field \\"data.a\\""',
        '299 - "unknown field \\"colour\\""',
    ]
    assert "colour" not in warned.json
    assert warned.json["data"] == {"a": "2"}
    ignored = await api.post(f"{MAPS}?fieldValidation=Ignore", body % b"i")
    assert ignored.warnings == []
    unsure = await api.post(f"{MAPS}?fieldValidation=Maybe", body % b"m")
    assert unsure.status == 422


async def test_wrong_types_are_decode_errors(api: Api) -> None:
    sent = deployment("d")
    sent["spec"]["replicas"] = "three"
    answer = await api.post(DEPLOYMENTS, sent)
    assert answer.status == 400
    assert answer.json["message"].startswith(
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal '
        "string into Go struct field"
    )


async def test_dry_run_answers_as_if_and_stores_nothing(api: Api) -> None:
    dry = await api.post(f"{MAPS}?dryRun=All", config_map("a", x="1"))
    assert dry.status == 201
    assert dry.json["data"] == {"x": "1"}
    assert (await api.get(f"{MAPS}/a")).status == 404
    await api.post(MAPS, config_map("a"))
    assert (await api.post(f"{MAPS}?dryRun=All", config_map("a"))).status == 409
    patched = await api.patch(f"{MAPS}/a?dryRun=All", {"data": {"x": "1"}})
    assert patched.json["data"] == {"x": "1"}
    assert (await api.delete(f"{MAPS}/a?dryRun=All")).status == 200
    assert "data" not in (await api.get(f"{MAPS}/a")).json or not (
        await api.get(f"{MAPS}/a")
    ).json.get("data")


async def test_put_replaces_and_a_stale_resource_version_is_a_conflict(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a", x="1"))).json
    created["data"] = {"y": "2"}
    replaced = await api.put(f"{MAPS}/a", created)
    assert replaced.status == 200
    assert replaced.json["data"] == {"y": "2"}
    assert replaced.json["metadata"]["uid"] == created["metadata"]["uid"]
    stale = await api.put(f"{MAPS}/a", created)
    assert status(stale) == (
        409,
        "Conflict",
        f'Operation cannot be fulfilled on configmaps "a": {MODIFIED}',
    )
    unconditional = await api.put(f"{MAPS}/a", config_map("a", z="3"))
    assert unconditional.json["data"] == {"z": "3"}


async def test_put_is_for_the_object_that_the_url_names(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    other = await api.put(f"{MAPS}/a", config_map("b"))
    assert status(other) == (
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (a)",
    )
    missing = await api.put(f"{MAPS}/b", config_map("b"))
    assert status(missing) == (404, "NotFound", 'configmaps "b" not found')
    sent = config_map("a")
    sent["metadata"]["uid"] = "another"
    assert status(await api.put(f"{MAPS}/a", sent))[:2] == (409, "Conflict")


async def test_put_creates_where_the_resource_allows_it(api: Api) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "l"},
        "spec": {"holderIdentity": "me"},
    }
    url = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l"
    created = await api.put(url, lease)
    assert created.status == 201
    assert (await api.put(url, created.json)).status == 200
    # and where it does not allow writes without a resourceVersion, that is said
    assert status(await api.put(url, lease)) == (
        422,
        "Invalid",
        'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: '
        "must be specified for an update",
    )


async def test_a_write_that_changes_nothing_keeps_the_resource_version(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a", x="1"))).json
    again = (await api.put(f"{MAPS}/a", created)).json
    assert again == created
    patched = (await api.patch(f"{MAPS}/a", {"data": {"x": "1"}})).json
    assert patched["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


async def test_generation_counts_changes_of_the_spec_only(api: Api) -> None:
    created = (await api.post(DEPLOYMENTS, deployment("d"))).json
    assert created["metadata"]["generation"] == 1
    labelled = await api.patch(f"{DEPLOYMENTS}/d", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.json["metadata"]["generation"] == 1
    scaled = await api.patch(f"{DEPLOYMENTS}/d", {"spec": {"replicas": 4}})
    assert scaled.json["metadata"]["generation"] == 2
    status_url = f"{DEPLOYMENTS}/d/status"
    noted = await api.patch(status_url, {"status": {"replicas": 4}, "spec": {"replicas": 9}})
    assert noted.json["status"]["replicas"] == 4
    assert noted.json["spec"]["replicas"] == 4
    assert noted.json["metadata"]["generation"] == 2
    ignored = await api.patch(f"{DEPLOYMENTS}/d", {"status": {"replicas": 77}})
    assert ignored.json["status"]["replicas"] == 4


async def test_immutable_metadata_is_defended(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    renamed = await api.patch(f"{MAPS}/a", {"metadata": {"name": "b"}})
    assert renamed.status == 400
    other = await api.patch(f"{MAPS}/a", {"metadata": {"uid": "other"}})
    assert status(other) == (
        422,
        "Invalid",
        'ConfigMap "a" is invalid: metadata.uid: Invalid value: "other": field is immutable',
    )


async def test_places_that_do_not_exist(api: Api) -> None:
    for url in ("/apis/no.group/v1/things", "/nowhere"):
        answer = await api.get(url)
        assert (answer.status, answer.text) == (404, "404 page not found\n")
    # within the groups that come with Kubernetes, its router answers
    for url in ("/api/v1/nonsense", "/api/v9/pods", "/apis/apps/v1/pods", f"{MAPS}/a/status"):
        answer = await api.get(url)
        assert answer.status == 404
        assert answer.json["message"] == "the server could not find the requested resource"
        assert (answer.json["reason"], answer.json["details"]) == ("NotFound", {})
    # a cluster-scoped resource is not below a namespace
    assert (await api.get("/api/v1/namespaces/default/nodes")).status == 404
    assert (await api.get("/api/v1/namespaces/default/pods/x/nonsense")).status == 404
    assert (await api.post("/api/v1/pods", pod("x"))).status == 405
    assert (await api.post("/api/v1/namespaces/default/pods/x", pod("x"))).status == 405
    assert (await api.get("/api/v1/namespaces/../pods")).status == 400


async def test_every_answer_has_an_audit_id_and_is_not_cached(api: Api) -> None:
    answer = await api.get(f"{MAPS}/none", headers={"audit-id": "abc"})
    assert answer.header("audit-id") == "abc"
    assert answer.header("cache-control") == "no-cache, private"


async def test_an_annotation_on_a_deployment_is_a_new_generation_and_a_label_is_not(
    api: Api,
) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    created = (await api.post(path, deployment("web"))).json
    created["metadata"]["labels"] = {"a": "b"}
    labelled = (await api.put(f"{path}/web", created)).json
    assert labelled["metadata"]["generation"] == 1
    labelled["metadata"]["annotations"] = {"a": "b"}
    annotated = (await api.put(f"{path}/web", labelled)).json
    assert annotated["metadata"]["generation"] == 2


async def test_an_object_that_is_too_large_with_its_record_of_owners_does_without(api: Api) -> None:
    many = {f"key-{i:06}": "" for i in range(160_000)}
    created = await api.post(MAPS, {**config_map("a"), "data": many})
    assert created.status == 201
    assert "managedFields" not in created.json["metadata"]


async def test_the_one_kind_that_needs_no_name(api: Api) -> None:
    made = await api.post(
        "/api/v1/namespaces/default/limitranges",
        {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [{"type": "Pod"}]}},
    )
    assert made.status == 201, made.text
    assert len(made.json["metadata"]["name"]) == 36


async def test_all_that_is_wrong_with_a_secret_is_said_at_once(api: Api) -> None:
    bad = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "type": "kubernetes.io/tls",
        "stringData": {"a b": "x"},
    }
    refused = await api.post("/api/v1/namespaces/default/secrets", bad)
    assert refused.status == 422
    assert [cause["field"] for cause in refused.json["details"]["causes"]] == [
        "data[a b]",
        "data[tls.crt]",
        "data[tls.key]",
    ]


async def test_the_systems_own_priority_classes_are_there_from_the_start(api: Api) -> None:
    classes = (await api.get("/apis/scheduling.k8s.io/v1/priorityclasses")).json["items"]
    assert {item["metadata"]["name"]: item["value"] for item in classes} == {
        "system-cluster-critical": 2_000_000_000,
        "system-node-critical": 2_000_001_000,
    }
