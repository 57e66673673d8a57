"""What a write does to an object before it is stored: defaults, separation of status, refusals."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from resource_writes import (
    MINIMAL,
    REGISTRY,
    SERVICE,
    changed,
    context,
    create,
    refused,
    strategy,
    update,
    update_refused,
)

from kapiserver.resources.definition import ALL_METADATA, Object
from kapiserver.resources.strategies import next_generation


@pytest.mark.parametrize("resource", MINIMAL)
def test_a_minimal_object_is_accepted_and_defaults_are_stable(resource: str) -> None:
    made = create(resource, MINIMAL[resource])
    again = update(resource, made, made)
    assert again == made


WITH_STATUS = [d for d in REGISTRY.definitions() if d.subresource("status") is not None]


@pytest.mark.parametrize("definition", WITH_STATUS, ids=lambda d: d.resource)
def test_status_is_written_through_its_own_endpoint_only(definition: Any) -> None:
    base = MINIMAL.get(definition.resource, {"metadata": {"name": "x"}, "spec": {}})
    hooks = definition.strategy
    mine: Object = {"conditions": [{"type": "Forged"}]}

    made = copy.deepcopy(base)
    made["status"] = copy.deepcopy(mine)
    told = context(None, "")
    for hook in (hooks.defaults, hooks.prepare_for_create):
        if hook is not None:
            hook(made, told)
    if definition.plural != "nodes":  # a kubelet registers its node with its status
        assert made.get("status", {}).get("conditions") != mine["conditions"]

    old = {**made, "status": {**(made.get("status") or {}), "conditions": [{"type": "Real"}]}}
    new = {**copy.deepcopy(old), "status": mine}
    hooks.prepare_for_update(new, context(copy.deepcopy(old), ""))
    assert new["status"] == old["status"]

    new = {**copy.deepcopy(old), "spec": {"forged": True}, "status": copy.deepcopy(mine)}
    hooks.prepare_for_update(new, context(copy.deepcopy(old), "status"))
    assert new.get("spec") == old.get("spec")
    assert "Forged" in [condition["type"] for condition in new["status"]["conditions"]]


# kube-apiserver means to take metadata back for definitions of custom resources, and does not.
KEEPS_METADATA = [
    definition
    for definition in WITH_STATUS
    if definition.strategy.status_keeps == ALL_METADATA
    and definition.plural != "customresourcedefinitions"
]


@pytest.mark.parametrize("definition", KEEPS_METADATA, ids=lambda d: d.resource)
def test_metadata_that_nobody_owns_through_status_stays_as_it_was(definition: Any) -> None:
    old = {"metadata": {"name": "x", "labels": {"a": "b"}, "annotations": {"a": "b"}}}
    new = {"metadata": {"name": "x", "labels": {"c": "d"}, "annotations": {"c": "d"}}}
    definition.strategy.prepare_for_update(new, context(copy.deepcopy(old), "status"))
    assert new["metadata"] == old["metadata"]


def test_generation_counts_changes_of_what_is_wanted() -> None:
    old: Object = {"metadata": {"generation": 4}, "spec": {"replicas": 1}, "status": {"x": 1}}
    assert next_generation(old, changed(old, "status.x", 2)) == 4
    assert next_generation(old, changed(old, "metadata.labels", {"a": "b"})) == 4
    assert next_generation(old, changed(old, "spec.replicas", 2)) == 5
    assert next_generation({"metadata": {}, "spec": 1}, {"metadata": {}, "spec": 2}) == 1


def test_some_kinds_count_more_than_their_spec() -> None:
    old: Object = {"metadata": {"generation": 1}, "spec": {}}
    new = changed(old, "metadata.annotations", {"a": "b"})
    hooks = strategy("deployments.apps")
    assert next_generation(old, new, hooks.generation_metadata) == 2
    assert next_generation(old, new, strategy("replicasets.apps").generation_metadata) == 1
    assert strategy("endpointslices.discovery.k8s.io").generation_metadata == ("labels",)


def test_what_becomes_of_dependents_when_nobody_says() -> None:
    unusual = {
        d.resource: d.default_propagation
        for d in REGISTRY.definitions()
        if d.default_propagation != "Background"
    }
    assert unusual == {
        "events": "",
        "events.events.k8s.io": "",
        "jobs.batch": "Orphan",
        "replicationcontrollers": "Orphan",
    }


def test_deletes_that_answer_with_the_object() -> None:
    assert {d.resource for d in REGISTRY.definitions() if d.returns_deleted} == {
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
        "deviceclasses.resource.k8s.io",
        "resourceclaims.resource.k8s.io",
        "resourceclaimtemplates.resource.k8s.io",
        "resourceslices.resource.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "storageclasses.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
    }


def test_no_other_kind_is_deleted_gracefully() -> None:
    graceful = [
        d.plural for d in REGISTRY.definitions() if d.strategy.graceful_deletion_seconds is not None
    ]
    assert graceful == ["pods"]


def test_rules_of_roles() -> None:
    urls = {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/logs"]}]}
    create("clusterroles.rbac.authorization.k8s.io", urls)
    assert refused("roles.rbac.authorization.k8s.io", urls) == [
        (
            "rules[0].nonResourceURLs",
            'Invalid value: ["/logs"]: namespaced rules cannot apply to non-resource URLs',
        )
    ]
    nothing: Object = {"rules": [{}]}
    assert [field for field, _ in refused("roles.rbac.authorization.k8s.io", nothing)] == [
        "rules[0].verbs",
        "rules[0].apiGroups",
        "rules[0].resources",
    ]


def test_a_service_is_a_cluster_ip_by_default() -> None:
    spec = create("services", SERVICE)["spec"]
    assert (spec["type"], spec["sessionAffinity"]) == ("ClusterIP", "None")
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert spec["internalTrafficPolicy"] == "Cluster"
    headless = create("services", changed(SERVICE, "spec.clusterIP", "None"))["spec"]
    assert headless["clusterIPs"] == ["None"]


def test_a_cluster_ip_stays() -> None:
    old = create("services", changed(SERVICE, "spec.clusterIP", "10.0.0.1"))
    kept = changed(changed(old, "spec.clusterIP", None), "spec.clusterIPs", None)
    assert update("services", old, kept)["spec"]["clusterIP"] == "10.0.0.1"
    other = changed(old, "spec.clusterIP", "10.0.0.2")
    other["spec"]["clusterIPs"] = ["10.0.0.2"]
    assert update_refused("services", old, other) == [
        ("spec.clusterIPs[0]", 'Invalid value: ["10.0.0.2"]: may not change once set')
    ]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.ports", [], "spec.ports"),
        ("spec.type", "Magic", "spec.type"),
        ("spec.ports", [{"port": 1}, {"port": 2}], "spec.ports[0].name"),
        ("spec.ports", [{"port": 0}], "spec.ports[0].port"),
    ],
)
def test_services_that_make_no_sense(path: str, value: Any, field: str) -> None:
    assert refused("services", changed(SERVICE, path, value))[0][0] == field


def test_a_namespace_starts_active_with_its_finalizer_and_name_label() -> None:
    made = create("namespaces", {"metadata": {"name": "prod"}})
    assert made["status"] == {"phase": "Active"}
    assert made["spec"] == {"finalizers": ["kubernetes"]}
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "prod"}


def test_namespace_finalizers_change_through_finalize_only() -> None:
    old = create("namespaces", {"metadata": {"name": "prod"}})
    new = changed(old, "spec.finalizers", [])
    assert update("namespaces", old, new)["spec"]["finalizers"] == ["kubernetes"]
    assert update("namespaces", old, new, "status")["spec"]["finalizers"] == ["kubernetes"]
    assert update("namespaces", old, new, "finalize")["spec"]["finalizers"] == []


def test_string_data_becomes_data_and_is_not_kept() -> None:
    made = create("secrets", {"stringData": {"user": "jane"}, "data": {"x": "eA=="}})
    assert made["type"] == "Opaque"
    assert "stringData" not in made
    assert base64.b64decode(made["data"]["user"]) == b"jane"
    assert made["data"]["x"] == "eA=="


def test_pasted_base64_may_have_line_ends_and_nothing_else() -> None:
    create("secrets", {"data": {"k": "eHh4\r\neHh4\n"}})
    assert refused("secrets", {"data": {"k": "e H"}})[0][0] == "data[k]"


def test_typed_secrets_need_their_keys() -> None:
    assert refused("secrets", {"type": "kubernetes.io/tls", "data": {"tls.crt": "eA=="}}) == [
        ("data[tls.key]", "Required value")
    ]


def test_secret_types_stay() -> None:
    old = create("secrets", {"data": {}})
    assert update_refused("secrets", old, changed(old, "type", "other/type"))[0][0] == "type"


@pytest.mark.parametrize(("resource", "data"), [("secrets", "eA=="), ("configmaps", "x")])
def test_what_is_marked_immutable_stays(resource: str, data: str) -> None:
    old = create(resource, {"data": {"k": data}, "immutable": True})
    update(resource, old, changed(old, "metadata.labels", {"a": "b"}))
    assert update_refused(resource, old, changed(old, "data", {})) == [
        ("data", "Forbidden: field is immutable when `immutable` is set")
    ]
    assert update_refused(resource, old, changed(old, "immutable", None))[0][0] == "immutable"


def test_config_map_keys() -> None:
    ((field, message),) = refused("configmaps", {"data": {"a b": ""}})
    assert field == "data[a b]"
    assert "a valid config key must consist of alphanumeric characters" in message
    both = {"data": {"k": ""}, "binaryData": {"k": ""}}
    assert "duplicate of key present in binaryData" in refused("configmaps", both)[0][1]


def test_a_claim_may_only_grow() -> None:
    old = create("persistentvolumeclaims", MINIMAL["persistentvolumeclaims"])
    assert old["status"] == {"phase": "Pending"}
    update("persistentvolumeclaims", old, changed(old, "spec.volumeName", "pv1"))
    in_use = changed(old, "status.phase", "Bound")
    more = changed(in_use, "spec.resources.requests", {"storage": "2Gi"})
    update("persistentvolumeclaims", in_use, more)
    bound = changed(old, "spec.volumeName", "pv1")
    refusals = update_refused(
        "persistentvolumeclaims", bound, changed(bound, "spec.volumeName", "pv2")
    )
    assert refusals[0][0] == "spec"


def test_a_binding_keeps_its_role() -> None:
    resource = "rolebindings.rbac.authorization.k8s.io"
    old = create(resource, MINIMAL[resource])
    assert old["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert old["subjects"][0]["apiGroup"] == "rbac.authorization.k8s.io"
    ((field, message),) = update_refused(resource, old, changed(old, "roleRef.name", "other"))
    assert field == "roleRef"
    assert message.endswith("cannot change roleRef")


def test_a_definition_of_custom_resources_remembers_its_stored_versions() -> None:
    resource = "customresourcedefinitions.apiextensions.k8s.io"
    old = create(resource, MINIMAL[resource])
    assert old["spec"]["names"]["listKind"] == "WidgetList"
    assert old["status"]["storedVersions"] == ["v1"]
    v2 = {**old["spec"]["versions"][0], "name": "v2"}
    v1 = {**old["spec"]["versions"][0], "storage": False}
    made = update(resource, old, changed(old, "spec.versions", [v1, v2]))
    assert made["status"]["storedVersions"] == ["v1", "v2"]
    cluster = changed(old, "spec.scope", "Cluster")
    update(resource, old, cluster)
    served = changed(old, "status.conditions", [{"type": "Established", "status": "True"}])
    cluster = changed(served, "spec.scope", "Cluster")
    assert update_refused(resource, served, cluster)[0][0] == "spec.scope"
    misnamed = changed(MINIMAL[resource], "metadata.name", "x")
    assert refused(resource, misnamed)[0][0] == "metadata.name"


def test_who_may_create_by_put() -> None:
    allowed = {d.resource for d in REGISTRY.definitions() if d.strategy.allow_create_on_update}
    assert allowed == {
        "endpoints",
        "events",
        "events.events.k8s.io",
        "limitranges",
        "services",
        "leases.coordination.k8s.io",
        "runtimeclasses.node.k8s.io",
        "roles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
    }


@pytest.mark.parametrize(
    ("resource", "old", "field", "shown"),
    [
        ("ingressclasses.networking.k8s.io", {"spec": {"controller": "a.io/b"}}, "controller", ""),
        (
            "ipaddresses.networking.k8s.io",
            {"spec": {"parentRef": {"resource": "services", "name": "a"}}},
            "parentRef",
            "null",
        ),
        (
            "replicasets.apps",
            {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {}}},
            "selector",
            "null",
        ),
    ],
)
def test_what_must_stay_and_was_taken_away_is_told_as_its_zero_value(
    resource: str, old: Object, field: str, shown: str
) -> None:
    told = update_refused(resource, old, changed(old, f"spec.{field}", None))
    assert (f"spec.{field}", f'Invalid value: "{shown}": field is immutable') in told
