"""Pods as kube-apiserver holds them: what it drops, rounds, fills in and keeps on every write, and
what it compares then."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    DEPLOYMENT,
    POD,
    Object,
    changed,
    context,
    created,
    refused,
    stored,
    strategy,
    update_refused,
    warned,
)

_INIT = "pod.beta.kubernetes.io/init-containers"
_COST = "controller.kubernetes.io/pod-deletion-cost"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/c"
_MIRROR = "kubernetes.io/config.mirror"
_BAD_COST = (
    f"metadata.annotations[{_COST}]",
    'Invalid value: "x": must be a 32bit integer',
)


def _written(old: Object, new: Object, subresource: str = "") -> Object:
    hooks, told = strategy("pods"), context(old, subresource)
    assert hooks.defaults is not None
    assert hooks.prepare_for_update is not None
    hooks.defaults(new, told)
    hooks.prepare_for_update(new, told)
    return new


def _pod(**spec: Any) -> Object:
    return {**POD, "spec": {**POD["spec"], **spec}}


def _container(**fields: Any) -> Object:
    return {**POD["spec"]["containers"][0], **fields}


def _template(**spec: Any) -> Object:
    template = DEPLOYMENT["spec"]["template"]
    return changed(DEPLOYMENT, "spec.template.spec", {**template["spec"], **spec})


def test_init_containers_in_annotations_are_forgotten() -> None:
    pod = stored("pods", changed(POD, "metadata.annotations", {_INIT: "[]", "a": "b"}))
    assert pod["metadata"]["annotations"] == {"a": "b"}
    workload = changed(DEPLOYMENT, "spec.template.metadata.annotations", {_INIT: "[]"})
    assert "annotations" not in stored("deployments.apps", workload)["spec"]["template"]["metadata"]


def test_amounts_are_rounded_up_to_thousandths() -> None:
    fine = {"limits": {"cpu": "1500u"}}
    pod = stored("pods", _pod(containers=[_container(resources=fine)], overhead={"cpu": "1n"}))
    resources = pod["spec"]["containers"][0]["resources"]
    assert resources == {"limits": {"cpu": "2m"}, "requests": {"cpu": "2m"}}
    assert pod["spec"]["overhead"] == {"cpu": "1m"}
    status = {"containerStatuses": [{"name": "c", "allocatedResources": {"cpu": "1u"}}]}
    actual = _written(pod, changed(pod, "status", status), "status")["status"]
    assert actual["containerStatuses"][0]["allocatedResources"] == {"cpu": "1m"}
    workload = stored("deployments.apps", _template(containers=[_container(resources=fine)]))
    template = workload["spec"]["template"]["spec"]
    assert template["containers"][0]["resources"] == {"limits": {"cpu": "2m"}}


def test_a_pod_gets_a_second_where_its_template_has_less_than_none() -> None:
    pod = _pod(terminationGracePeriodSeconds=-1)
    assert stored("pods", pod)["spec"]["terminationGracePeriodSeconds"] == 1
    assert warned("pods", pod) == []
    workload = _template(terminationGracePeriodSeconds=-1)
    kept = stored("deployments.apps", workload)["spec"]["template"]["spec"]
    assert kept["terminationGracePeriodSeconds"] == -1
    assert warned("deployments.apps", workload) == [
        "spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are "
        "invalid and will be treated as 1"
    ]


_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("web:1", "IfNotPresent"),
        ("localhost:5000/web", "Always"),
        ("Host/web", "Always"),
        ("[::1]:5000/team/web:1", "IfNotPresent"),
        (f"web@{_DIGEST}", "IfNotPresent"),
        (f"web:latest@{_DIGEST}", "Always"),
        # no names: nothing can be said of their tags
        ("Web", "IfNotPresent"),
        ("web:", "IfNotPresent"),
        ("web:latest@sha256:abc", "IfNotPresent"),
        ("a" * 64, "IfNotPresent"),
        ("web/" + "b" * 255, "IfNotPresent"),
    ],
)
def test_the_latest_of_an_image_is_always_pulled(image: str, policy: str) -> None:
    pod = stored("pods", _pod(containers=[_container(image=image)]))
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_empty_fields_of_volumes_are_filled_in_where_go_has_no_pointer() -> None:
    source = {"monitors": ["m"], "image": "i", "pool": ""}
    pod = stored("pods", _pod(volumes=[{"name": "v", "rbd": source}]))
    assert pod["spec"]["volumes"][0]["rbd"]["pool"] == "rbd"


def test_a_copied_pod_keeps_its_quality_of_service() -> None:
    pod = stored("pods", {**POD, "status": {"phase": "Running", "qosClass": "Burstable"}})
    assert pod["status"] == {"phase": "Pending", "qosClass": "Burstable"}


def test_annotations_are_checked_through_every_endpoint() -> None:
    old = stored("pods", POD)
    new = changed(old, "metadata.annotations", {_COST: "x"})
    assert update_refused("pods", old, new, "status") == [_BAD_COST]
    # the rules of a pod, and those of what an update may do to annotations
    assert update_refused("pods", old, new) == [_BAD_COST, _BAD_COST]
    assert update_refused("pods", new, changed(new, "metadata.labels", {"a": "b"})) == []


@pytest.mark.parametrize(
    ("key", "annotation", "profile", "agrees"),
    [
        (_SECCOMP, "docker/default", {"type": "RuntimeDefault"}, True),
        (_SECCOMP, "unconfined", {"type": "RuntimeDefault"}, False),
        (_APP_ARMOR, "runtime/default", {"type": "RuntimeDefault"}, True),
        (_APP_ARMOR, "", {"type": "Unconfined"}, False),
    ],
)
def test_profiles_are_compared_by_the_type_of_the_field(
    key: str, annotation: str, profile: Object, agrees: bool
) -> None:
    field = "seccompProfile" if key == _SECCOMP else "appArmorProfile"
    pod = changed(POD, "metadata.annotations", {key: annotation})
    pod = changed(pod, "spec.securityContext", {field: profile})
    kind = "seccomp" if key == _SECCOMP else "apparmor"
    where = "spec" if key == _SECCOMP else "spec.containers[0]"
    detail = f"Forbidden: {kind} type in annotation and field must match"
    expected = [] if agrees else [(f"{where}.securityContext.{field}.type", detail)]
    assert refused("pods", pod) == expected


def test_a_profile_that_the_pod_names_already_needs_no_warning() -> None:
    pod = changed(POD, "metadata.annotations", {_APP_ARMOR: "unconfined"})
    assert len(warned("pods", pod)) == 1
    pod = changed(pod, "spec.securityContext", {"appArmorProfile": {"type": "Unconfined"}})
    assert warned("pods", pod) == []


def test_conditions_of_one_type_keep_their_generations_in_order() -> None:
    old = stored("pods", POD)
    twice = [{"type": "a/b", "observedGeneration": 3}, {"type": "a/b", "observedGeneration": 4}]
    old["status"]["conditions"] = twice
    new = changed(old, "status.conditions", [{"type": "a/b"}, {"type": "a/b"}, {"type": "a/b"}])
    kept = _written(old, new, "status")["status"]["conditions"]
    assert [condition.get("observedGeneration") for condition in kept] == [3, 4, None]


def test_a_status_can_be_written_without_what_others_put_there() -> None:
    old = stored("pods", POD)
    old["status"]["resourceClaimStatuses"] = [{"name": "gpu"}]
    kept = _written(old, changed(old, "status", {"phase": "Running"}), "status")["status"]
    assert kept == {"phase": "Running", "qosClass": "BestEffort"}


def test_resources_of_the_pod_are_filled_in_again_and_cannot_be_left_out() -> None:
    old = stored("pods", _pod(resources={"limits": {"cpu": "1"}}))
    assert old["spec"]["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
    again = changed(old, "spec.resources", {"limits": {"cpu": "1"}})
    assert update_refused("pods", old, again) == []
    without = changed(old, "spec.resources", None)
    assert [field for field, _ in update_refused("pods", old, without)] == ["spec"]
    assert ("spec.resources", "Forbidden: pod-level resources cannot be removed") in (
        update_refused("pods", old, without, "resize")
    )


def test_no_container_with_claims_can_be_resized() -> None:
    claims = {"claims": [{"name": "gpu"}], "requests": {"cpu": "1"}}
    old = stored(
        "pods",
        _pod(
            resourceClaims=[{"name": "gpu", "resourceClaimName": "g"}],
            containers=[_container(resources=claims)],
        ),
    )
    more = changed(old, "spec.containers.0.resources.requests.cpu", "2")
    assert update_refused("pods", old, more, "resize") == [
        ("spec", "Forbidden: only cpu and memory resources are mutable")
    ]


def test_an_empty_name_of_a_claim_is_a_name() -> None:
    claims = [{"name": "a", "resourceClaimName": ""}, {"name": "b"}]
    fields = [field for field, _ in refused("pods", _pod(resourceClaims=claims))]
    assert fields == ["spec.resourceClaims[0].resourceClaimName", "spec.resourceClaims[1]"]
    assert refused("pods", _pod(resourceClaims=claims))[1][1] == (
        'Invalid value: {"Name":"b","ResourceClaimName":null,"ResourceClaimTemplateName":null}: '
        "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
    )
    static = changed(
        _pod(resourceClaims=claims, nodeName="n"), "metadata.annotations", {_MIRROR: ""}
    )
    detail = "Forbidden: static pods do not support resource claims"
    assert refused("pods", static) == [("[]", detail), ("[]", detail)]


def test_settings_of_the_node_stay_only_where_they_were() -> None:
    def with_settings(*names: str) -> Object:
        settings = [{"name": name, "value": "1"} for name in names]
        return _template(hostIPC=True, securityContext={"sysctls": settings})

    where = "spec.template.spec.securityContext.sysctls"
    detail = "may not be specified when 'hostIPC' is true"
    shared = with_settings("kernel.sem", "kernel.sem_next_id")
    assert refused("deployments.apps", shared) == [
        (f"{where}[0].name", f'Invalid value: "kernel.sem": {detail}')
    ]
    old = created("deployments.apps", shared)[0]
    assert update_refused("deployments.apps", old, changed(old, "spec.replicas", 3)) == []
    # settings that were no fault before are no excuse
    harmless = stored("deployments.apps", with_settings("net.a"))
    assert update_refused("deployments.apps", harmless, old) == [
        (f"{where}[0].name", f'Invalid value: "kernel.sem": {detail}')
    ]


def test_label_keys_and_the_selector_they_stand_beside() -> None:
    def near(**term: Any) -> Object:
        term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "1"}}, **term}
        terms = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        pod = _pod(affinity={"podAffinity": terms})
        return changed(pod, "metadata.labels", {"a": "1", "b": "2"})

    assert refused("pods", near(mismatchLabelKeys=["a"])) == []
    assert refused("pods", near(matchLabelKeys=["b", "a"])) == [
        (
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0][1]",
            'Invalid value: "a": exists in both matchLabelKeys and labelSelector',
        )
    ]


def test_restart_rules_of_an_init_container_need_a_policy_first() -> None:
    rules = [{"action": "odd"}]
    first = _container(name="i", restartPolicyRules=rules)
    needed = "Required value: must specify restartPolicy when restart rules are used"
    assert refused("pods", _pod(initContainers=[first])) == [
        ("spec.initContainers[0].restartPolicy", needed)
    ]
    regular = refused("pods", _pod(containers=[_container(restartPolicyRules=rules)]))
    assert [field for field, _ in regular] == [
        "spec.containers[0].restartPolicy",
        "spec.containers[0].restartPolicyRules[0].action",
        "spec.containers[0].restartPolicyRules[0].exitCodes",
    ]


def test_an_empty_runtime_class_is_a_bad_name() -> None:
    assert [field for field, _ in refused("pods", _pod(runtimeClassName=""))] == [
        "spec.runtimeClassName"
    ]


def test_sources_of_variables_may_be_named_up_to_a_dash() -> None:
    def read(name: str) -> list[tuple[str, str]]:
        source = {"configMapRef": {"name": name}}
        return refused("pods", _pod(containers=[_container(envFrom=[source])]))

    assert read("settings-") == []
    assert read("") == [("spec.containers[0].envFrom[0].configMapRef.name", "Required value")]
    assert [field for field, _ in read("-")] == ["spec.containers[0].envFrom[0].configMapRef.name"]


def test_an_ephemeral_container_says_all_that_it_may_not_have() -> None:
    old = stored("pods", POD)
    debugger = {
        "name": "d",
        "image": "d",
        "lifecycle": {},
        "livenessProbe": {"tcpSocket": {"port": 1}},
        "ports": [{"containerPort": 1}],
        "stdin": True,
    }
    new = changed(old, "spec.ephemeralContainers", [debugger])
    detail = "Forbidden: cannot be set for an Ephemeral Container"
    assert update_refused("pods", old, new, "ephemeralcontainers") == [
        (f"spec.ephemeralContainers[0].{field}", detail)
        for field in ("ports", "livenessProbe", "lifecycle")
    ]


def test_extended_resources_are_those_of_the_container() -> None:
    wants = {"requests": {"a.example/gpu": "1"}, "limits": {"a.example/gpu": "1"}}
    old = stored("pods", _pod(containers=[_container(resources=wants), _container(name="d")]))

    def mapped(container: str) -> list[str]:
        mapping = {"containerName": container, "resourceName": "a.example/gpu", "requestName": "r"}
        claim = {"resourceClaimName": "c", "requestMappings": [mapping]}
        new = changed(old, "status.extendedResourceClaimStatus", claim)
        return [field for field, _ in update_refused("pods", old, new, "status")]

    assert mapped("c") == []
    assert mapped("d") == ["status.extendedResourceClaimStatus.requestMappings[0].resourceName"]


def test_second_sources_of_a_volume_are_only_counted() -> None:
    portal = {
        "targetPortal": "p" * 60,
        "iqn": "iqn.2001-04.a:b",
        "initiatorName": "iqn.2001-04.a:c",
    }
    volumes = [
        {"name": "files", "emptyDir": {}, "iscsi": portal},
        {"name": "x" * 63, "emptyDir": {}, "ephemeral": {}},
    ]
    pod = changed(_pod(volumes=volumes), "metadata.name", "w" * 240)
    twice = "Forbidden: may not specify more than 1 volume type"
    assert [(field, message) for field, message in refused("pods", pod) if "volumes" in field] == [
        ("spec.volumes[0].iscsi", twice),
        (
            "spec.volumes[0].name",
            'Invalid value: "files": Total length of <volume name>:<iscsi.targetPortal> must be '
            "under 64 characters if iscsi.initiatorName is specified.",
        ),
        ("spec.volumes[1].ephemeral", twice),
    ]


def test_affinity_of_a_gated_pod_may_only_grow() -> None:
    def on(*terms: Object) -> Object:
        required = {"nodeSelectorTerms": list(terms)}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        return _pod(schedulingGates=[{"name": "a"}], affinity=affinity)

    zone = {"key": "zone", "operator": "Exists"}
    disk = {"key": "disk", "operator": "In", "values": ["ssd"]}
    old = stored("pods", on({"matchExpressions": [zone]}))
    path = (
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
        ".nodeSelectorTerms"
    )
    assert update_refused("pods", old, on({"matchExpressions": [zone, disk]})) == []
    assert update_refused("pods", old, on({"matchExpressions": [disk]})) == [
        (
            f"{path}[0]",
            'Invalid value: {"MatchExpressions":[{"Key":"disk","Operator":"In",'
            '"Values":["ssd"]}],"MatchFields":null}: only additions are allowed (no mutations or '
            "deletions)",
        )
    ]


def test_parts_of_bytes_are_told_resource_by_resource() -> None:
    thousandths = {"ephemeral-storage": "4m", "memory": "4m", "cpu": "100m"}
    resources = {"requests": thousandths, "limits": thousandths}
    pod = _pod(containers=[_container(resources=resources)])
    here, what = "spec.containers[0].resources", 'fractional byte value "4m" is invalid'
    assert warned("pods", pod) == [
        f"{here}.limits[memory]: {what}, must be an integer",
        f"{here}.requests[memory]: {what}, must be an integer",
        f"{here}.limits[ephemeral-storage]: {what}, must be an integer",
        f"{here}.requests[ephemeral-storage]: {what}, must be an integer",
    ]
