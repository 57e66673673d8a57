"""What a client sends reads back as kube-apiserver would show it: as Go writes what Go read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from api_world import Api

ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
APPLY = {"content-type": "application/apply-patch+yaml"}
YAML = {"content-type": "application/yaml"}

CONTAINER: dict[str, Any] = {
    "name": "c",
    "image": "i",
    "command": [],
    "args": [],
    "env": [{"name": "A", "value": ""}],
    "workingDir": "",
    "stdin": False,
    "resources": {"limits": {"cpu": "1000m", "memory": "0.5Gi"}, "claims": []},
    "securityContext": {"capabilities": {"add": [], "drop": ["ALL"]}, "privileged": False},
    "ports": None,
    "volumeMounts": [],
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "p",
        "labels": {},
        "annotations": None,
        "finalizers": [],
        "creationTimestamp": None,
        "generateName": "",
    },
    "spec": {
        "containers": [CONTAINER],
        "initContainers": [],
        "nodeSelector": {},
        "hostNetwork": False,
        "priority": 0,
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
        "securityContext": {},
        "affinity": {},
        "tolerations": None,
    },
    "status": {},
}


def check_pod(pod: dict[str, Any]) -> None:
    assert not {"labels", "annotations", "finalizers", "generateName"} & pod["metadata"].keys()
    spec = pod["spec"]
    assert not {"initContainers", "nodeSelector", "hostNetwork"} & spec.keys()
    # pointers stay as they were given
    assert (spec["priority"], spec["securityContext"], spec["affinity"]) == (0, {}, {})
    container = spec["containers"][0]
    assert (
        not {"command", "args", "workingDir", "stdin", "ports", "volumeMounts"} & container.keys()
    )
    assert container["env"] == [{"name": "A"}]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert "claims" not in container["resources"]
    assert container["securityContext"] == {
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
    }


async def test_zero_values_go_where_go_leaves_them_out(api: Api) -> None:
    created = await api.post(PODS, POD)
    assert created.status == 201, created.text
    check_pod(created.json)
    stored = (await api.get(f"{PODS}/p")).json
    assert stored == created.json
    # neither an update with what was read nor one with what was sent changes anything
    assert (await api.put(f"{PODS}/p", stored)).json == stored
    sent = {**POD, "metadata": {**POD["metadata"]}}
    assert (await api.put(f"{PODS}/p", sent)).json == stored


async def test_patches_and_applies_too(api: Api) -> None:
    applied = await api.patch(f"{PODS}/p?fieldManager=me", POD, "application/apply-patch+yaml")
    assert applied.status == 201, applied.text
    check_pod(applied.json)
    again = await api.patch(f"{PODS}/p?fieldManager=me", POD, "application/apply-patch+yaml")
    assert again.json == applied.json
    change = {"metadata": {"labels": {}, "annotations": {"a": ""}, "finalizers": []}}
    patched = await api.patch(f"{PODS}/p", change)
    assert patched.json["metadata"]["annotations"] == {"a": ""}
    check_pod({**patched.json, "metadata": {}})
    assert "labels" not in patched.json["metadata"]


async def test_what_go_always_writes_is_there(api: Api) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "r"},
    }
    created = (await api.post(ROLES, role)).json
    assert created["rules"] is None
    assert (await api.put(f"{ROLES}/r", {**role, "rules": []})).json == created
    patched = await api.patch(f"{ROLES}/r", {"rules": [{"verbs": ["get"], "apiGroups": [""]}]})
    assert patched.status == 422
    labelled = await api.patch(f"{ROLES}/r", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.json["rules"] is None
    assert orjson.loads((await api.get(ROLES)).body)["items"][0]["rules"] is None

    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    }
    made = (await api.post(DEPLOYMENTS, deployment)).json
    assert made["status"] == {}
    assert made["spec"]["replicas"] == 0
    assert made["spec"]["template"]["spec"]["containers"][0]["resources"] == {}
    status = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}
    changed = await api.patch(f"{DEPLOYMENTS}/d/status", status)
    assert changed.json["status"]["conditions"] == [
        {"type": "Available", "status": "True", "lastUpdateTime": None, "lastTransitionTime": None}
    ]


async def test_always_written_fields_belong_to_who_made_what_they_are_in(api: Api) -> None:
    pod = {**POD, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    created = (await api.post(f"{PODS}?fieldManager=me", pod)).json
    (entry,) = created["metadata"]["managedFields"]
    container = entry["fieldsV1"]["f:spec"]["f:containers"]['k:{"name":"c"}']
    assert container["f:resources"] == {}
    assert "f:labels" not in entry["fieldsV1"].get("f:metadata", {})
    assert "f:status" not in entry["fieldsV1"]


async def test_lists_of_endpoints_may_be_null(api: Api) -> None:
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "s"},
        "addressType": "IPv4",
    }
    created = (await api.post(SLICES, slice_)).json
    assert (created["endpoints"], created["ports"]) == (None, None)
    patch = {"endpoints": [{"addresses": ["10.0.0.1"]}]}
    patched = (await api.patch(f"{SLICES}/s", patch)).json
    assert patched["endpoints"] == [{"addresses": ["10.0.0.1"], "conditions": {}}]
    table = await api.get(
        SLICES, headers={"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    )
    assert table.status == 200


async def test_null_items_are_zero_values(api: Api) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    created = await api.post(MAPS, {**body, "data": {"a": None}, "binaryData": {"b": None}})
    assert (created.json["data"], created.json["binaryData"]) == ({"a": ""}, {"b": ""})


def spec(**fields: Any) -> dict[str, Any]:
    return {**POD, "spec": {"containers": [{"name": "c", "image": "i"}], **fields}}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"priority": 1.5},
            "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type "
            "int32",
        ),
        (
            {"priority": 3_000_000_000},
            "json: cannot unmarshal number 3000000000 into Go struct field PodSpec.spec.priority "
            "of type int32",
        ),
        (
            {"priority": "1"},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.priority of type "
            "int32",
        ),
        (
            {"hostNetwork": "true"},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type "
            "bool",
        ),
        (
            {"nodeSelector": {"a": 1}},
            "json: cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector of type "
            "string",
        ),
        (
            {"overhead": {"cpu": "1x"}},
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
async def test_what_does_not_fit_is_refused_in_upstreams_words(
    api: Api, fields: dict[str, Any], problem: str
) -> None:
    refused = await api.post(PODS, spec(**fields))
    assert refused.status == 400
    assert refused.json["message"] == (f'Pod in version "v1" cannot be handled as a Pod: {problem}')


async def test_binary_data_is_base64(api: Api) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    refused = await api.post(MAPS, {**body, "binaryData": {"b": "a?=="}})
    assert refused.json["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
        "illegal base64 data at input byte 1"
    )
    created = await api.post(MAPS, {**body, "binaryData": {"b": "aGk=\n"}})
    assert created.json["binaryData"] == {"b": "aGk="}


async def test_strict_findings_come_in_order_and_yaml_counts_lines(api: Api) -> None:
    body = (
        b'{"apiVersion":"v1","kind":"ConfigMap","x":1,"metadata":{"name":"a"},'
        b'"data":{"a":"1","a":"2"},"y":1}'
    )
    findings = ['unknown field "x"', 'duplicate field "data.a"', 'unknown field "y"']
    strict = await api.post(f"{MAPS}?fieldValidation=Strict", body)
    assert strict.status == 400
    assert strict.json["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        + ", ".join(findings)
    )
    warned = await api.post(f"{MAPS}?fieldValidation=Warn", body)
    assert warned.status == 201
    quoted = [finding.replace('"', '\\"') for finding in findings]
    assert warned.warnings == [f'299 - "{finding}"' for finding in quoted]
    assert warned.json["data"] == {"a": "2"}
    text = (
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\nx: 1\n"
        b"data:\n  a: '1'\n  a: '2'\n  b: 'x'\n  b: 'y'\n"
    )
    strict = await api.post(f"{MAPS}?fieldValidation=Strict", text, headers=YAML)
    assert strict.json["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: '
        'unmarshal errors:\n  line 7: key "a" already set in map\n  line 9: key "b" already set in '
        'map, unknown field "x"'
    )
    warned = await api.post(f"{MAPS}?fieldValidation=Warn", text, headers=YAML)
    assert warned.warnings == [
        '299 - "line 7: key \\"a\\" already set in map"',
        '299 - "line 9: key \\"b\\" already set in map"',
        '299 - "unknown field \\"x\\""',
    ]
    assert warned.json["data"] == {"a": "2", "b": "y"}
    silent = await api.patch(
        f"{MAPS}/b?fieldManager=me&force=true&fieldValidation=Ignore",
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: '1', a: '3'}\n",
        "application/apply-patch+yaml",
    )
    assert (silent.json["data"]["a"], silent.warnings) == ("3", [])


async def test_yaml_that_cannot_be_read(api: Api) -> None:
    refused = await api.post(MAPS, b"a: [1\nb: 2", headers=YAML)
    assert refused.status == 400
    assert refused.json["message"] == (
        "the object provided is unrecognized (must be of type ConfigMap): yaml: line 1: did not "
        "find expected ',' or ']' (613a205b310a623a2032)"
    )
    mode = await api.post(
        PODS,
        b"{apiVersion: v1, kind: Pod, metadata: {name: m}, spec: {containers: [{name: c, image: "
        b"i}], volumes: [{name: v, configMap: {name: a, defaultMode: 0644}}]}}",
        headers=YAML,
    )
    assert mode.json["spec"]["volumes"][0]["configMap"]["defaultMode"] == 0o644


async def test_patches_that_nest_too_deep_are_refused(api: Api) -> None:
    revisions = "/apis/apps/v1/namespaces/default/controllerrevisions"
    deep: Any = {}
    for _ in range(200):
        deep = {"a": deep}
    body = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "r"},
        "revision": 1,
        "data": deep,
    }
    assert (await api.post(revisions, body)).status == 201
    bottom = "/data" + "/a" * 200
    for operations in (
        [{"op": "add", "path": f"{bottom}/b", "value": deep}],
        [{"op": "copy", "from": "/data", "path": f"{bottom}/b"}] * 3,
        [{"op": "copy", "from": "/data", "path": f"{bottom}/b"}, {"op": "test", "path": "/data"}],
    ):
        refused = await api.patch(f"{revisions}/r", operations, "json")
        assert 400 <= refused.status < 500, refused.text
    nested = b'{"data":' + b'{"a":' * 400 + b"1" + b"}" * 401
    assert (await api.patch(f"{revisions}/r", nested)).status == 400


async def test_operations_of_a_json_patch_are_read_strictly(api: Api) -> None:
    await api.post(MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    patch = [{"op": "add", "path": "/data", "value": {}, "extra": 1}]
    warned = await api.patch(f"{MAPS}/a", patch, "json")
    assert warned.warnings == ['299 - "json patch unknown field \\"[0].extra\\""']
    refused = await api.patch(f"{MAPS}/a", [{"op": 1}], "json")
    assert refused.json["message"] == (
        "error decoding patch: json: cannot unmarshal number into Go struct field "
        "jsonPatchOp.op of type string"
    )
    for kind, message in (
        ("merge", "error decoding patch: unexpected end of JSON input"),
        ("strategic", "unexpected end of JSON input"),
    ):
        refused = await api.patch(f"{MAPS}/a", b'{"data":', kind)
        assert (refused.status, refused.json["message"]) == (400, message)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            b'{"apiVersion":1}',
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get "
            "version/kind; json parse error: json: cannot unmarshal number into Go struct field "
            '.apiVersion of type string ({"apiVersion":1})',
        ),
        (
            b'{"kind":"Pod","apiVersion":"v1"}',
            'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to '
            "(core.ConfigMap): unknown conversion",
        ),
        (
            b'{"kind":"ConfigMap","apiVersion":"v2"}',
            'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is '
            'registered for version "v2" in scheme '
            '"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"',
        ),
    ],
)
async def test_the_type_must_be_that_of_the_url(api: Api, body: bytes, problem: str) -> None:
    refused = await api.post(MAPS, body)
    assert (refused.status, refused.json["message"]) == (400, problem)


async def test_null_is_an_empty_object(api: Api) -> None:
    for body in (b"null", b'{"kind":null,"apiVersion":"","metadata":null}'):
        refused = await api.post(MAPS, body)
        assert refused.status == 422
        assert "metadata.name: Required value" in refused.json["message"]
