"""Server-side apply as a client sees it: through the pipeline, stored and read back."""

from __future__ import annotations

from typing import Any

import trio
from api_world import TOKENS, Api, config_map, deployment, pod
from apply_calls import APPLY, DEPLOYMENTS, MAPS, PODS, apply, managers

from kapiserver.api.apply.tracking import check_admitted
from kapiserver.api.call import internal_call
from kapiserver.api.health import Health
from kapiserver.authn.bearer import BearerTokens
from kapiserver.authn.tokens import StaticTokens, read_tokens
from kapiserver.authz.authorizer import Attributes, Decision, Verdict
from kapiserver.pipeline.assembly import make_dispatcher
from kapiserver.request import UserInfo

# -- the object -------------------------------------------------------------------------------


async def test_apply_creates_then_merges(api: Api) -> None:
    created = await apply(api, f"{MAPS}/a", config_map("a", x="1"))
    assert created.status == 201
    assert created.json["metadata"]["uid"]
    assert managers(created) == {("me", "Apply", ""): {"f:data": {"f:x": {}}}}
    merged = await apply(api, f"{MAPS}/a", config_map("a", y="2"), "you")
    assert merged.status == 200
    assert merged.json["data"] == {"x": "1", "y": "2"}
    assert (await api.get(f"{MAPS}/a")).json == merged.json


async def test_what_an_applier_leaves_out_goes(api: Api) -> None:
    await apply(api, f"{MAPS}/a", config_map("a", x="1", y="2"))
    await apply(api, f"{MAPS}/a", config_map("a", y="2"), "you")
    nothing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    left = await apply(api, f"{MAPS}/a", nothing)
    assert left.json["data"] == {"y": "2"}  # somebody else has it
    gone = await apply(api, f"{MAPS}/a", nothing, "you")
    assert gone.json.get("data", {}) == {}


async def test_applying_the_same_again_writes_nothing(api: Api) -> None:
    first = await apply(api, f"{DEPLOYMENTS}/d", deployment("d"))
    again = await apply(api, f"{DEPLOYMENTS}/d", deployment("d"))
    assert again.json == first.json


async def test_defaults_are_nobodys(api: Api) -> None:
    created = await apply(api, f"{DEPLOYMENTS}/d", deployment("d"))
    assert created.json["spec"]["revisionHistoryLimit"] == 10
    spec = managers(created)["me", "Apply", ""]["f:spec"]
    assert set(spec) == {"f:replicas", "f:selector", "f:template"}
    container = spec["f:template"]["f:spec"]["f:containers"]['k:{"name":"main"}']
    assert set(container) == {".", "f:image", "f:name"}


async def test_conflicts_name_manager_and_field(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("d", 1), headers={"user-agent": "kubectl/v1.37 (x)"})
    refused = await apply(api, f"{DEPLOYMENTS}/d", deployment("d", 2))
    assert refused.status == 409
    assert refused.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: '
        ".spec.replicas",
        "reason": "Conflict",
        "details": {
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": 'conflict with "kubectl" using apps/v1',
                    "field": ".spec.replicas",
                }
            ]
        },
        "code": 409,
    }
    forced = await apply(api, f"{DEPLOYMENTS}/d", deployment("d", 2), query="&force=true")
    assert forced.json["spec"]["replicas"] == 2
    assert "f:replicas" in managers(forced)["me", "Apply", ""]["f:spec"]
    assert "f:replicas" not in managers(forced)["kubectl", "Update", ""]["f:spec"]


async def test_yaml_is_what_the_content_type_says(api: Api) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: 'yes'\n"
    created = await apply(api, f"{MAPS}/a", text)
    assert created.json["data"] == {"x": "yes"}


async def test_appliers_at_the_same_time_all_get_their_fields(api: Api) -> None:
    async def one(number: int) -> None:
        body = config_map("a", **{f"k{number}": str(number)})
        answer = await apply(api, f"{MAPS}/a", body, f"m{number}")
        assert answer.status in (200, 201), answer.text

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(one, number)
    stored = await api.get(f"{MAPS}/a")
    assert stored.json["data"] == {f"k{number}": str(number) for number in range(8)}
    assert len(managers(stored)) == 8


async def test_a_dry_run_shows_and_stores_nothing(api: Api) -> None:
    shown = await apply(api, f"{MAPS}/a", config_map("a", x="1"), query="&dryRun=All")
    assert shown.status == 201
    assert managers(shown) == {("me", "Apply", ""): {"f:data": {"f:x": {}}}}
    assert (await api.get(f"{MAPS}/a")).status == 404


async def test_a_revision_in_the_config_is_a_precondition(api: Api) -> None:
    created = await apply(api, f"{MAPS}/a", config_map("a", x="1"))
    revision = created.json["metadata"]["resourceVersion"]
    config = config_map("a", x="2")
    config["metadata"]["resourceVersion"] = revision
    assert (await apply(api, f"{MAPS}/a", config)).status == 200
    stale = await apply(api, f"{MAPS}/a", config)
    assert stale.status == 409
    assert "the object has been modified" in stale.json["message"]
    # of an object that is not there nothing is expected
    config["metadata"]["name"] = "b"
    assert (await apply(api, f"{MAPS}/b", config)).status == 201


async def test_a_uid_in_the_config_is_a_precondition(api: Api) -> None:
    config = config_map("a", x="1")
    config["metadata"]["uid"] = "other"
    absent = await apply(api, f"{MAPS}/a", config)
    assert absent.status == 409
    assert absent.json["message"] == (
        'Operation cannot be fulfilled on configmaps "a": uid mismatch: the provided object '
        "specified uid other, and no existing object was found"
    )
    await api.post(MAPS, config_map("a", x="1"))
    assert (await apply(api, f"{MAPS}/a", config)).status in (409, 422)


# -- what is refused --------------------------------------------------------------------------


async def test_a_manager_must_be_named(api: Api) -> None:
    refused = await api.patch(f"{MAPS}/a", config_map("a"), APPLY)
    assert refused.status == 422
    assert refused.json["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
        "is required for apply patch"
    )


async def test_managers_are_short_and_printable(api: Api) -> None:
    long = await apply(api, f"{MAPS}/a", config_map("a"), "m" * 129)
    assert long.status == 422
    assert "fieldManager: Too long: may not be more than 128 bytes" in long.json["message"]
    bell = await apply(api, f"{MAPS}/a", config_map("a"), "a%07")
    assert bell.status == 422
    assert "invalid character U+0007 (at position 1)" in bell.json["message"]


async def test_force_is_for_applying(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    refused = await api.patch(f"{MAPS}/a?force=true", {"data": {"x": "1"}})
    assert refused.status == 422
    assert "force: Forbidden: may not be specified for non-apply patch" in refused.json["message"]


async def test_configs_have_no_managed_fields(api: Api) -> None:
    config = config_map("a")
    config["metadata"]["managedFields"] = []
    refused = await apply(api, f"{MAPS}/a", config)
    assert (refused.status, refused.json["message"]) == (400, "metadata.managedFields must be nil")


async def test_configs_say_what_they_are(api: Api) -> None:
    refused = await apply(api, f"{MAPS}/a", {"metadata": {"name": "a"}})
    assert (refused.status, refused.json["message"]) == (400, "invalid object type: /, Kind=")
    other = await apply(api, f"{MAPS}/a", pod("a"))
    assert other.json["message"] == "invalid object type: /v1, Kind=Pod"


async def test_configs_that_do_not_fit_the_schema(api: Api) -> None:
    config = config_map("a")
    config["spec"] = {}
    refused = await apply(api, f"{MAPS}/a", config)
    assert refused.status == 500
    assert refused.json["message"] == (
        "failed to create typed patch object (/a; /v1, Kind=ConfigMap): "
        ".spec: field not declared in schema"
    )
    assert "reason" not in refused.json
    unnamed = {**config_map("a"), "metadata": {"name": ["a"], "namespace": {}}}
    refused = await apply(api, f"{MAPS}/a", unnamed)
    assert "(/; /v1, Kind=ConfigMap)" in refused.json["message"]  # what is no text is no name


async def test_values_that_fit_the_schema_but_not_the_type(api: Api) -> None:
    url = "/api/v1/namespaces/default/secrets/s"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "%"}}
    refused = await apply(api, url, secret)
    assert refused.status == 500
    assert refused.json["message"] == (
        "failed to convert new object (/s; /v1, Kind=Secret) to proper version: unable to convert "
        "unstructured object to /v1, Kind=Secret: error decoding from json: "
        "illegal base64 data at input byte 0"
    )
    config = deployment("d")
    config["spec"]["replicas"] = 1.5
    refused = await apply(api, f"{DEPLOYMENTS}/d", config)
    assert refused.json["message"].endswith("Kind=Deployment: cannot convert float64 to int32")


async def test_numbers_become_what_the_type_holds(api: Api) -> None:
    config = deployment("d")
    for given, kept in ((3.0, 3), ((1 << 32) + 5, 5)):
        config["spec"]["replicas"] = given
        applied = await apply(api, f"{DEPLOYMENTS}/d", config)
        assert applied.json["spec"]["replicas"] == kept


async def test_what_cannot_be_read(api: Api) -> None:
    refused = await apply(api, f"{MAPS}/a", b"a: [")
    assert refused.status == 400
    assert refused.json["message"].startswith("error decoding YAML: error converting YAML to JSON")
    listed = await apply(api, f"{MAPS}/a", b"- a")
    assert "cannot unmarshal array into Go value" in listed.json["message"]
    deep = b'{"apiVersion":"v1","kind":"ConfigMap","data":' + b'{"a":' * 500 + b"1" + b"}" * 501
    assert (await apply(api, f"{MAPS}/a", deep)).status == 400


async def test_duplicate_fields_by_field_validation(api: Api) -> None:
    text = (
        b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}'
    )
    strict = await apply(api, f"{MAPS}/a", text, query="&fieldValidation=Strict")
    assert strict.status == 400
    assert strict.json["message"].startswith("error strict decoding YAML: ")
    assert 'key "x" already set in map' in strict.json["message"]
    warned = await apply(api, f"{MAPS}/a", text)
    assert warned.status == 201
    assert any("already set in map" in warning for warning in warned.warnings)
    quiet = await apply(api, f"{MAPS}/a", text, query="&fieldValidation=Ignore")
    assert quiet.warnings == []


async def test_cbor_is_not_spoken(api: Api) -> None:
    refused = await api.patch(f"{MAPS}/a?fieldManager=me", b"x", "application/apply-patch+cbor")
    assert refused.status == 415
    assert refused.json["reason"] == "UnsupportedMediaType"


async def test_the_name_is_that_of_the_url(api: Api) -> None:
    refused = await apply(api, f"{MAPS}/a", config_map("b"))
    assert refused.status == 400
    assert refused.json["message"] == (
        "the name of the object (b) does not match the name on the URL (a)"
    )


class _OnlyPatch:
    """May patch, may not create."""

    def authorize(self, attributes: Attributes) -> Verdict:
        allowed = attributes.verb in ("patch", "update", "get")
        return (Decision.ALLOW, "") if allowed else (Decision.NO_OPINION, "")


async def test_creating_by_apply_needs_the_right_to_create(api: Api) -> None:
    limited = Api(
        make_dispatcher(
            api.services,
            authenticators=[BearerTokens([StaticTokens(read_tokens(TOKENS))])],
            authorizer=_OnlyPatch(),
            health=Health(),
        ),
        api.services,
        api.nursery,
    )
    refused = await apply(limited, f"{MAPS}/a", config_map("a"), token="jane-token")
    assert refused.status == 403
    assert 'User "jane" cannot create resource "configmaps"' in refused.json["message"]
    await api.post(MAPS, config_map("a"))
    assert (await apply(limited, f"{MAPS}/a", config_map("a", x="1"))).status == 200


# -- other writes -----------------------------------------------------------------------------


async def test_all_other_writes_keep_the_record(api: Api) -> None:
    created = await api.post(
        f"{MAPS}?fieldManager=maker", config_map("a", x="1"), headers={"user-agent": "curl/8"}
    )
    assert managers(created) == {("maker", "Update", ""): {"f:data": {".": {}, "f:x": {}}}}
    patched = await api.patch(f"{MAPS}/a", {"data": {"y": "2"}}, headers={"user-agent": "curl/8"})
    assert managers(patched)["curl", "Update", ""] == {"f:data": {"f:y": {}}}
    whole = {**patched.json, "data": {"x": "9"}}
    del whole["metadata"]["managedFields"]  # a client that does not know of it
    put = await api.put(f"{MAPS}/a", whole, headers={"user-agent": "editor/1 (linux)"})
    assert managers(put) == {
        ("maker", "Update", ""): {"f:data": {}},
        ("editor", "Update", ""): {"f:data": {"f:x": {}}},
    }
    same = await api.put(f"{MAPS}/a", put.json, headers={"user-agent": "other/1"})
    assert same.json == put.json


async def test_times_say_when_ownership_changed(api: Api) -> None:
    created = await api.post(MAPS, config_map("a", x="1"))
    entry = created.json["metadata"]["managedFields"][0]
    assert list(entry) == ["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1"]
    assert entry["time"] == created.json["metadata"]["creationTimestamp"]


async def test_scaling_and_binding(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("d"))
    await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 4}})
    stored = await api.get(f"{DEPLOYMENTS}/d")
    assert managers(stored)["test", "Update", "scale"] == {"f:spec": {"f:replicas": {}}}
    await api.post(PODS, pod("p"))
    before = managers(await api.get(f"{PODS}/p"))
    target = {"target": {"kind": "Node", "name": "n"}, "metadata": {"name": "p"}}
    assert (await api.post(f"{PODS}/p/binding", target)).status == 201
    assert managers(await api.get(f"{PODS}/p")) == before


async def test_ownership_can_be_given_up(api: Api) -> None:
    nothing = {"metadata": {"managedFields": []}}
    replaced = [{"op": "replace", "path": "/metadata/managedFields", "value": []}]
    changes = (("merge", nothing), ("strategic", nothing), ("json", replaced))
    for kind, change in changes:
        await api.post(MAPS, config_map(kind, x="1"))
        assert managers(await api.patch(f"{MAPS}/{kind}", change, kind)) == {}, kind
        untracked = await api.get(f"{MAPS}/{kind}")
        assert "managedFields" not in untracked.json["metadata"]
    await api.post(MAPS, config_map("put"))
    body = config_map("put")
    body["metadata"]["managedFields"] = []
    assert managers(await api.put(f"{MAPS}/put", body)) == {}
    await api.post(MAPS, config_map("a", x="1"))
    reset = await api.patch(f"{MAPS}/a", {"metadata": {"managedFields": [{}]}})
    assert managers(reset) == {}
    untracked = await api.patch(f"{MAPS}/a", {"data": {"y": "2"}})
    assert managers(untracked) == {}
    applied = await apply(api, f"{MAPS}/a", config_map("a", z="3"))
    assert managers(applied) == {
        ("me", "Apply", ""): {"f:data": {"f:z": {}}},
        ("before-first-apply", "Update", ""): {"f:data": {".": {}, "f:x": {}, "f:y": {}}},
    }


async def test_objects_of_two_groups_share_their_managers(api: Api) -> None:
    core = "/api/v1/namespaces/default/events"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "labels": {"seen": "once"}},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Because",
        "type": "Normal",
    }
    assert (await apply(api, f"{core}/e", event, "core")).status == 201
    other = "/apis/events.k8s.io/v1/namespaces/default/events/e"
    seen = await api.get(other)
    assert managers(seen)["core", "Apply", ""]["f:reason"] == {}
    patched = await api.patch(other, {"metadata": {"labels": {"seen": "twice"}}})
    assert patched.status == 200, patched.text
    assert "f:metadata" in managers(seen)["core", "Apply", ""]
    assert "f:metadata" not in managers(patched)["core", "Apply", ""]


async def test_custom_resource_definitions_apply(api: Api) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"spec": {"type": "object"}}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
    url = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
    created = await apply(api, url, crd)
    assert created.status == 201, created.text
    assert managers(created)["me", "Apply", ""]["f:spec"]["f:versions"] == {}


async def test_versions_of_a_kind_know_each_others_managers(api: Api) -> None:
    base = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers/h"
    spec = {
        "maxReplicas": 3,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
    }
    old = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {**spec, "targetCPUUtilizationPercentage": 50},
    }
    assert (await apply(api, base.format("v1"), old, "old")).status == 201
    new = {**old, "apiVersion": "autoscaling/v2", "spec": {**spec, "maxReplicas": 5}}
    refused = await apply(api, base.format("v2"), new, "new")
    assert refused.json["message"] == (
        'Apply failed with 1 conflict: conflict with "old": .spec.maxReplicas'
    )
    same = {**new, "spec": spec}
    assert (await apply(api, base.format("v2"), same, "new")).status == 200
    await api.patch(base.format("v2"), {"spec": {"minReplicas": 2}})
    seen = await api.get(base.format("v1"))
    versions = {e["manager"]: e["apiVersion"] for e in seen.json["metadata"]["managedFields"]}
    assert versions == {"old": "autoscaling/v1", "new": "autoscaling/v2", "test": "autoscaling/v2"}


async def test_the_servers_own_objects_say_so(api: Api) -> None:
    stored = await api.get("/api/v1/namespaces/default")
    assert ("kube-apiserver", "Update", "") in managers(stored)


async def test_admission_cannot_break_the_record(api: Api) -> None:
    scope = api.services.scopes.lookup("", "v1", "configmaps")
    assert scope is not None
    call = internal_call(api.services, scope, UserInfo("x"), "create", "default", "a")
    before = [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1"}]
    obj = config_map("a")
    obj["metadata"]["managedFields"] = [{"operation": "Grab"}]
    check_admitted(call, obj, before)
    assert obj["metadata"]["managedFields"] == before
    assert call.context.warnings[0].startswith(
        ".metadata.managedFields was in an invalid state after admission"
    )
    obj["metadata"]["managedFields"] = []
    check_admitted(call, obj, before)
    assert "managedFields" not in obj["metadata"]  # giving up all ownership is valid
