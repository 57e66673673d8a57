"""The spec of a pod, in a pod or in a template, as a whole: every part has its own module."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
)
from kapiserver.resources.names import dns1123_label, dns1123_subdomain
from kapiserver.resources.validation.containers import (
    PodFacts,
    check_containers,
    check_ephemeral_containers,
    check_image_padding,
    check_init_containers,
)
from kapiserver.resources.validation.formats import (
    MAX_INT32,
    Found,
    check_choice,
    check_label,
    check_subdomain,
    in_range,
)
from kapiserver.resources.validation.internal_pods import RESOURCE_CLAIM
from kapiserver.resources.validation.internals import internal
from kapiserver.resources.validation.labels import (
    check_annotations,
    check_labels,
    check_qualified,
)
from kapiserver.resources.validation.pod_annotations import (
    MIRROR,
    check_annotated_fields,
    check_pod_annotations,
)
from kapiserver.resources.validation.pod_level import check_pod_resources
from kapiserver.resources.validation.pod_network import (
    check_aliases,
    check_dns,
    check_hostname_override,
)
from kapiserver.resources.validation.pod_os import check_host_process, check_system
from kapiserver.resources.validation.pod_tolerance import STRICT, Tolerance
from kapiserver.resources.validation.pod_tolerance import tolerance as tolerance_for
from kapiserver.resources.validation.ports import check_host_network
from kapiserver.resources.validation.quantities import check_container_resources
from kapiserver.resources.validation.scheduling import (
    check_affinity,
    check_gates,
    check_spreading,
    check_tolerations,
)
from kapiserver.resources.validation.security_context import check_host_users, check_pod_security
from kapiserver.resources.validation.volumes import check_file_volumes, check_volumes

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PREEMPTION_POLICIES = ("PreemptLowerPriority", "Never")


def check_pod(found: Found, pod: Object, old: Object | None = None) -> None:
    """What must hold of a pod whenever it is written; `old` is the pod that it replaces."""
    metadata = pod.get("metadata") or {}
    spec = pod.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    if annotations:
        before = ((old or {}).get("metadata") or {}).get("annotations")
        check_pod_annotations(found, annotations, spec, "metadata.annotations", before)
    check_pod_spec(
        found,
        spec,
        "spec",
        pod_name=metadata.get("name", ""),
        is_pod=True,
        is_mirror=MIRROR in annotations,
        tolerance=tolerance_for((old or {}).get("spec")),
    )
    if not spec.get("serviceAccountName"):
        _check_no_tokens(found, spec)
    for field in ("containers", "initContainers"):
        for position, container in enumerate(spec.get(field) or ()):
            check_image_padding(found, container, f"spec.{field}[{position}]")


def check_new_pod(found: Found, pod: Object) -> None:
    check_pod(found, pod)
    spec = pod.get("spec") or {}
    if spec.get("ephemeralContainers"):
        found.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        detail = "cannot be set until all schedulingGates have been cleared"
        found.append(forbidden("spec.nodeName", detail))
    check_annotated_fields(found, (pod.get("metadata") or {}).get("annotations"), spec, "spec")


def check_template(
    found: Found,
    template: Object,
    path: str,
    old: Object | None = None,
) -> None:
    """A pod template; `old` is the one that it replaces."""
    metadata = template.get("metadata") or {}
    spec = template.get("spec") or {}
    annotations = metadata.get("annotations")
    check_labels(found, metadata.get("labels"), f"{path}.labels")
    if annotations:
        check_annotations(found, annotations, f"{path}.annotations")
        before = ((old or {}).get("metadata") or {}).get("annotations")
        check_pod_annotations(found, annotations, spec, f"{path}.annotations", before)
    lenient = tolerance_for((old or {}).get("spec"))
    check_pod_spec(found, spec, f"{path}.spec", is_pod=False, tolerance=lenient)
    check_annotated_fields(found, annotations, spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        detail = "ephemeral containers not allowed in pod template"
        found.append(forbidden(f"{path}.spec.ephemeralContainers", detail))


def check_pod_spec(
    found: Found,
    spec: Object,
    path: str,
    *,
    is_pod: bool,
    pod_name: str = "",
    is_mirror: bool = False,
    tolerance: Tolerance = STRICT,
) -> None:
    get = spec.get
    grace = get("terminationGracePeriodSeconds")
    if grace is None:
        found.append(required(f"{path}.terminationGracePeriodSeconds"))
    volumes: dict[str, Object] = {}
    if entries := get("volumes"):
        volumes = check_volumes(
            found, entries, f"{path}.volumes", pod_name=pod_name, tolerance=tolerance
        )
    resource_claims = get("resourceClaims") or ()
    if is_mirror:
        detail = "static pods do not support resource claims"
        found += [forbidden("[]", detail) for _ in resource_claims]
    elif resource_claims:
        _check_resource_claims(found, resource_claims, f"{path}.resourceClaims")
    facts = PodFacts(
        volumes=volumes,
        claims={claim.get("name", "") for claim in resource_claims} - {""},
        grace=grace,
        restart_policy=get("restartPolicy", ""),
        host_users=get("hostUsers") is not False,
        operating_system=(get("os") or {}).get("name", ""),
        tolerance=tolerance,
    )
    regular, initial = get("containers") or (), get("initContainers") or ()
    check_containers(found, regular, f"{path}.containers", facts)
    if initial:
        check_init_containers(found, initial, regular, f"{path}.initContainers", facts)
    if ephemeral := get("ephemeralContainers"):
        here = f"{path}.ephemeralContainers"
        check_ephemeral_containers(found, ephemeral, (*regular, *initial), here, facts)
    check_pod_resources(found, spec, path, facts.claims, partial_pages=tolerance.partial_pages)
    if get("hostNetwork"):
        check_host_network(found, regular, f"{path}.containers", is_pod=is_pod)
    check_choice(
        found, get("restartPolicy", ""), RESTART_POLICIES, f"{path}.restartPolicy", needed=True
    )
    check_choice(found, get("dnsPolicy", ""), DNS_POLICIES, f"{path}.dnsPolicy", needed=True)
    if selector := get("nodeSelector"):
        check_labels(found, selector, f"{path}.nodeSelector")
    if context := get("securityContext"):
        here = f"{path}.securityContext"
        check_pod_security(found, context, spec, here, node_sysctls=tolerance.node_sysctls)
    if get("shareProcessNamespace") and get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        found.append(invalid(f"{path}.shareProcessNamespace", True, detail))
    if affinity := get("affinity"):
        check_affinity(found, affinity, f"{path}.affinity", tolerance)
    check_dns(found, get("dnsPolicy"), get("dnsConfig"), f"{path}.dnsConfig")
    for position, gate in enumerate(get("readinessGates") or ()):
        here = f"{path}.readinessGates[{position}].conditionType"
        check_qualified(found, gate.get("conditionType", ""), here)
    if gates := get("schedulingGates"):
        check_gates(found, gates, f"{path}.schedulingGates")
    if constraints := get("topologySpreadConstraints"):
        check_spreading(found, constraints, f"{path}.topologySpreadConstraints", tolerance)
    check_host_process(found, spec, path)
    check_host_users(found, spec, path, tolerance)
    check_hostname_override(found, spec, path)
    _check_subdomains(found, spec, path, "serviceAccountName", "nodeName")
    deadline = get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        here = f"{path}.activeDeadlineSeconds"
        found.append(invalid(here, deadline, in_range(1, MAX_INT32)))
    for field in ("hostname", "subdomain"):
        if name := get(field):
            check_label(found, name, f"{path}.{field}")
    if tolerations := get("tolerations"):
        comparisons = tolerance.comparisons
        check_tolerations(found, tolerations, f"{path}.tolerations", comparisons=comparisons)
    check_aliases(found, get("hostAliases") or (), f"{path}.hostAliases")
    _check_subdomains(found, spec, path, "priorityClassName")
    if (runtime := get("runtimeClassName")) is not None:
        check_subdomain(found, runtime, f"{path}.runtimeClassName")
    policy = get("preemptionPolicy")
    if policy is not None:
        check_choice(found, policy, PREEMPTION_POLICIES, f"{path}.preemptionPolicy", needed=True)
    if overhead := get("overhead"):
        pages = tolerance.partial_pages
        resources = {"limits": overhead}
        check_container_resources(found, resources, f"{path}.overhead", partial_pages=pages)
    check_system(found, spec, path)
    check_file_volumes(found, spec, path)


def _check_subdomains(found: Found, spec: Object, path: str, *fields: str) -> None:
    for field in fields:
        if name := spec.get(field):
            check_subdomain(found, name, f"{path}.{field}")


def _check_resource_claims(found: Found, claims: Any, path: str) -> None:
    names: set[str] = set()
    for position, claim in enumerate(claims):
        here = f"{path}[{position}]"
        name = claim.get("name", "")
        if not name:
            found.append(required(f"{here}.name"))
        elif name in names:
            found.append(duplicate(f"{here}.name", name))
        else:
            found += [invalid(f"{here}.name", name, problem) for problem in dns1123_label(name)]
        names.add(name)
        given = [f for f in ("resourceClaimName", "resourceClaimTemplateName") if f in claim]
        if len(given) > 1:
            detail = (
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            )
            found.append(invalid(here, internal(claim, RESOURCE_CLAIM), detail))
        elif not given:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            found.append(invalid(here, internal(claim, RESOURCE_CLAIM), detail))
        for field in given:
            found += [
                invalid(f"{here}.{field}", claim[field], problem)
                for problem in dns1123_subdomain(claim[field])
            ]


def _check_no_tokens(found: Found, spec: Object) -> None:
    detail = "must not be specified when serviceAccountName is not set"
    for position, volume in enumerate(spec.get("volumes") or ()):
        for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if source.get("serviceAccountToken") is not None:
                here = f"spec.volumes[{position}].projected.sources[{index}].serviceAccountToken"
                found.append(forbidden(here, detail))
