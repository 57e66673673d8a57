"""What a write does to an object before it is stored: defaults, separation of status, refusals."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from kapiserver.errors import Cause, Invalid
from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object, Strategy, WriteContext
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.strategies import next_generation

REGISTRY = builtin_registry()
JANE = UserInfo("jane", groups=("ops",))


def strategy(resource: str) -> Strategy:
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    return definition.strategy


def context(old: Object | None, subresource: str) -> WriteContext:
    return WriteContext(JANE, "default", subresource, dry_run=False, old=old)


def create(resource: str, obj: Object) -> Object:
    """Run the hooks of a create, in the write path's order; raises on findings."""
    made = copy.deepcopy(obj)
    findings = _create(resource, made)
    assert not findings, findings
    return made


def refused(resource: str, obj: Object) -> list[tuple[str, str]]:
    return [(c.field, c.message) for c in _create(resource, copy.deepcopy(obj))]


def _create(resource: str, obj: Object) -> list[Cause]:
    hooks, told = strategy(resource), context(None, "")
    for hook in (hooks.defaults, hooks.prepare_for_create):
        if hook is not None:
            hook(obj, told)
    return list(hooks.validate_create(obj, told)) if hooks.validate_create else []


def update(resource: str, old: Object, new: Object, subresource: str = "") -> Object:
    made, findings = _update(resource, old, new, subresource)
    assert not findings, findings
    return made


def update_refused(
    resource: str, old: Object, new: Object, subresource: str = ""
) -> list[tuple[str, str]]:
    return [(c.field, c.message) for c in _update(resource, old, new, subresource)[1]]


def _update(resource: str, old: Object, new: Object, sub: str) -> tuple[Object, list[Cause]]:
    made, before = copy.deepcopy(new), copy.deepcopy(old)
    hooks, told = strategy(resource), context(before, sub)
    for hook in (hooks.defaults, hooks.prepare_for_update):
        if hook is not None:
            hook(made, told)
    assert before == old, "a hook changed the old object"
    return made, list(hooks.validate_update(made, told)) if hooks.validate_update else []


def changed(obj: Object, path: str, value: Any) -> Object:
    """A copy with the value at a dotted path replaced, or removed when it is None."""
    made = copy.deepcopy(obj)
    *steps, last = path.split(".")
    target: Any = made
    for step in steps:
        target = target[int(step)] if step.isdigit() else target.setdefault(step, {})
    if value is None:
        target.pop(last, None)
    else:
        target[last] = value
    return made


POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "web"}]},
}
DEPLOYMENT = {
    "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}
SERVICE = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}
JOB = {
    "metadata": {"name": "j", "uid": "u-1"},
    "spec": {"template": changed(TEMPLATE, "spec.restartPolicy", "Never")},
}

MINIMAL: dict[str, Object] = {
    "pods": POD,
    "services": SERVICE,
    "deployments.apps": DEPLOYMENT,
    "replicasets.apps": DEPLOYMENT,
    "daemonsets.apps": DEPLOYMENT,
    "statefulsets.apps": DEPLOYMENT,
    "jobs.batch": JOB,
    "cronjobs.batch": {"spec": {"schedule": "@daily", "jobTemplate": {"spec": JOB["spec"]}}},
    "persistentvolumeclaims": {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        }
    },
    "replicationcontrollers": {"spec": {"template": TEMPLATE}},
    "horizontalpodautoscalers.autoscaling": {
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}
    },
    "storageclasses.storage.k8s.io": {"provisioner": "p"},
    "ingresses.networking.k8s.io": {"spec": {"defaultBackend": {"service": {"name": "s"}}}},
    "rolebindings.rbac.authorization.k8s.io": {
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}],
    },
    "customresourcedefinitions.apiextensions.k8s.io": {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"plural": "widgets", "kind": "Widget"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    },
    "namespaces": {"metadata": {"name": "prod"}},
    "nodes": {"metadata": {"name": "n1"}},
    "configmaps": {"data": {"k": "v"}},
    "secrets": {"stringData": {"k": "v"}},
    "networkpolicies.networking.k8s.io": {"spec": {}},
}


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
    assert {"type": "Forged"} in new["status"]["conditions"]


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


def test_a_pod_gets_what_the_api_promises() -> None:
    made = create("pods", POD)
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert spec["restartPolicy"] == "Always"
    assert spec["dnsPolicy"] == "ClusterFirst"
    assert spec["terminationGracePeriodSeconds"] == 30
    assert spec["enableServiceLinks"] is True
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("web:1.2", "IfNotPresent"),
        ("localhost:5000/web", "Always"),
        ("localhost:5000/web:1", "IfNotPresent"),
        ("web@sha256:0123", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    made = create("pods", changed(POD, "spec.containers.0.image", image))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        (
            {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
            "Burstable",
        ),
        ({"limits": {"cpu": "1"}}, "Burstable"),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "BestEffort"),
        ({"requests": {"cpu": "0"}}, "BestEffort"),
    ],
)
def test_quality_of_service(resources: Object, expected: str) -> None:
    made = create("pods", changed(POD, "spec.containers.0.resources", resources))
    assert made["status"]["qosClass"] == expected


def test_limits_are_requested_when_nothing_else_is() -> None:
    made = create("pods", changed(POD, "spec.containers.0.resources", {"limits": {"cpu": "1"}}))
    assert made["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1"}


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {}, None),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, {"phase": "Running"}, 30),
        ({"nodeName": "n", "terminationGracePeriodSeconds": -5}, {"phase": "Running"}, 1),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 0}, {"phase": "Running"}, 0),
        ({"nodeName": "n"}, {"phase": "Failed"}, None),
        ({"nodeName": "n"}, {"phase": "Succeeded"}, None),
    ],
)
def test_only_pods_that_run_somewhere_are_given_time(
    spec: Object, status: Object, expected: int | None
) -> None:
    grace = strategy("pods").graceful_deletion_seconds
    assert grace is not None
    assert grace({"spec": spec, "status": status}) == expected


def test_no_other_kind_is_deleted_gracefully() -> None:
    graceful = [
        d.plural for d in REGISTRY.definitions() if d.strategy.graceful_deletion_seconds is not None
    ]
    assert graceful == ["pods"]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.containers", [], ("spec.containers", "Required value")),
        ("spec.containers.0.name", "", ("spec.containers[0].name", "Required value")),
        ("spec.containers.0.image", "", ("spec.containers[0].image", "Required value")),
        (
            "spec.restartPolicy",
            "Sometimes",
            (
                "spec.restartPolicy",
                'Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
            ),
        ),
        (
            "spec.containers.0.volumeMounts",
            [{"name": "data", "mountPath": "/data"}],
            ("spec.containers[0].volumeMounts[0].name", 'Not found: "data"'),
        ),
        (
            "spec.containers.0.ports",
            [{"containerPort": 70000}],
            (
                "spec.containers[0].ports[0].containerPort",
                "Invalid value: 70000: must be between 1 and 65535, inclusive",
            ),
        ),
    ],
)
def test_pods_that_make_no_sense(path: str, value: Any, expected: tuple[str, str]) -> None:
    assert refused("pods", changed(POD, path, value)) == [expected]


def test_two_containers_may_not_share_a_name() -> None:
    twice = changed(POD, "spec.containers", [{"name": "c", "image": "i"}] * 2)
    assert refused("pods", twice) == [("spec.containers[1].name", 'Duplicate value: "c"')]


def test_of_a_pod_only_images_and_little_else_change() -> None:
    old = create("pods", POD)
    update("pods", old, changed(old, "spec.containers.0.image", "web:2"))
    update("pods", old, changed(old, "spec.activeDeadlineSeconds", 5))
    update("pods", old, changed(old, "spec.tolerations", [{"key": "a"}]))
    ((field, message),) = update_refused("pods", old, changed(old, "spec.hostname", "x"))
    assert field == "spec"
    assert message.startswith("Forbidden: pod updates may not change fields other than `spec.cont")
    tolerant = changed(old, "spec.tolerations", [{"key": "a"}])
    assert update_refused("pods", tolerant, old)[0][0] == "spec.tolerations"


def test_the_ephemeral_container_endpoint_adds_nothing_else() -> None:
    old = create("pods", POD)
    new = changed(old, "spec.ephemeralContainers", [{"name": "sh", "image": "sh:1"}])
    new["spec"]["hostname"] = "forged"
    new["metadata"]["labels"] = {"forged": "yes"}
    made = update("pods", old, new, "ephemeralcontainers")
    assert made["spec"]["ephemeralContainers"][0]["name"] == "sh"
    assert "hostname" not in made["spec"]
    assert "labels" not in made["metadata"]


def test_the_resize_endpoint_changes_resources_only() -> None:
    old = create("pods", POD)
    new = changed(old, "spec.containers.0.resources", {"limits": {"cpu": "2"}})
    new["spec"]["containers"][0]["image"] = "forged"
    container = update("pods", old, new, "resize")["spec"]["containers"][0]
    assert container["image"] == "web:1"
    assert container["resources"]["limits"] == {"cpu": "2"}


def test_a_pod_name_with_dots_is_warned_about() -> None:
    warnings = strategy("pods").warnings
    assert warnings is not None
    (warning,) = warnings(changed(POD, "metadata.name", "a.b"), context(None, ""))
    assert warning.endswith("a DNS label is recommended: [must not contain dots]")
    assert list(warnings(POD, context(None, ""))) == []


def test_a_deployment_rolls_by_default() -> None:
    spec = create("deployments.apps", DEPLOYMENT)["spec"]
    assert spec["replicas"] == 1
    assert spec["revisionHistoryLimit"] == 10
    assert spec["progressDeadlineSeconds"] == 600
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }


@pytest.mark.parametrize("resource", ["deployments.apps", "replicasets.apps", "daemonsets.apps"])
def test_selectors_stay(resource: str) -> None:
    old = create(resource, DEPLOYMENT)
    new = changed(old, "spec.selector.matchLabels", {"app": "x"})
    new["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    assert update_refused(resource, old, new) == [
        ("spec.selector", 'Invalid value: {"matchLabels":{"app":"x"}}: field is immutable')
    ]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.selector", None, "spec.selector"),
        ("spec.selector", {}, "spec.selector"),
        ("spec.template", None, "spec.template"),
        ("spec.template.metadata.labels", {"app": "x"}, "spec.template.metadata.labels"),
        ("spec.replicas", -1, "spec.replicas"),
        ("spec.template.spec.restartPolicy", "Never", "spec.template.spec.restartPolicy"),
        ("spec.strategy.type", "Never", "spec.strategy.type"),
    ],
)
def test_deployments_that_make_no_sense(path: str, value: Any, field: str) -> None:
    assert refused("deployments.apps", changed(DEPLOYMENT, path, value))[0][0] == field


def test_most_of_a_stateful_set_stays() -> None:
    old = create("statefulsets.apps", DEPLOYMENT)
    update("statefulsets.apps", old, changed(old, "spec.replicas", 5))
    ((field, message),) = update_refused(
        "statefulsets.apps", old, changed(old, "spec.serviceName", "other")
    )
    assert field == "spec"
    assert message.startswith("Forbidden: updates to statefulset spec for fields other than")
    assert "'replicas'" in message


def test_a_job_selects_its_own_pods() -> None:
    spec = create("jobs.batch", JOB)["spec"]
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}
    assert spec["template"]["metadata"]["labels"] == {
        "app": "web",
        "batch.kubernetes.io/controller-uid": "u-1",
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": "u-1",
        "job-name": "j",
    }
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)


def test_a_job_without_labels_takes_those_of_its_pods() -> None:
    made = create("jobs.batch", JOB)
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"]


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


def test_a_job_must_choose_a_restart_policy() -> None:
    assert refused("jobs.batch", changed(JOB, "spec.template.spec.restartPolicy", None)) == [
        ("spec.template.spec.restartPolicy", 'Required value: valid values: "OnFailure", "Never"')
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
    assert "duplicate of key present in binaryData[k]" in refused("configmaps", both)[0][1]


def test_a_claim_may_only_grow() -> None:
    old = create("persistentvolumeclaims", MINIMAL["persistentvolumeclaims"])
    assert old["status"] == {"phase": "Pending"}
    update(
        "persistentvolumeclaims", old, changed(old, "spec.resources.requests", {"storage": "2Gi"})
    )
    update("persistentvolumeclaims", old, changed(old, "spec.volumeName", "pv1"))
    bound = changed(old, "spec.volumeName", "pv1")
    refusals = update_refused(
        "persistentvolumeclaims", bound, changed(bound, "spec.volumeName", "pv2")
    )
    assert refusals[0][0] == "spec"


def test_a_signing_request_carries_who_asked_and_cannot_approve_itself() -> None:
    request = {
        "spec": {"request": "x", "signerName": "s", "usages": ["u"], "username": "root"},
        "status": {"conditions": [{"type": "Approved"}]},
    }
    made = create("certificatesigningrequests.certificates.k8s.io", request)
    assert (made["spec"]["username"], made["spec"]["groups"]) == ("jane", ["ops"])
    assert made["status"] == {}

    resource = "certificatesigningrequests.certificates.k8s.io"
    approved = changed(made, "status.conditions", [{"type": "Approved"}])
    assert update(resource, made, approved, "status")["status"] == {"conditions": []}
    assert update(resource, made, approved, "approval")["status"]["conditions"] == [
        {"type": "Approved"}
    ]
    signed = changed(approved, "status.certificate", "LS0t")
    assert "certificate" not in update(resource, made, signed, "approval")["status"]
    assert update(resource, approved, signed, "status")["status"]["certificate"] == "LS0t"


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
    misnamed = changed(MINIMAL[resource], "metadata.name", "x")
    assert refused(resource, misnamed)[0][0] == "metadata.name"


def test_all_findings_come_at_once_as_one_answer() -> None:
    bad = {"spec": {"containers": [{"name": "A", "image": ""}], "restartPolicy": "x"}}
    causes = _create("pods", copy.deepcopy(bad))
    status = Invalid.of("", "Pod", "web", causes).status()
    assert len(status["details"]["causes"]) == 3
    assert status["message"].startswith('Pod "web" is invalid: [')


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
