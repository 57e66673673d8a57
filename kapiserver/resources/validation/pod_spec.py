"""The spec of a pod, in a pod or in a template, as a whole: every part has its own module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
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
    check_ip,
    check_label,
    check_subdomain,
    in_range,
    underscored_subdomain,
)
from kapiserver.resources.validation.labels import (
    check_annotations,
    check_labels,
    check_qualified,
)
from kapiserver.resources.validation.ports import check_host_network
from kapiserver.resources.validation.quantities import (
    check_container_resources,
    check_pod_resources,
)
from kapiserver.resources.validation.scheduling import (
    check_affinity,
    check_gates,
    check_spreading,
    check_tolerations,
)
from kapiserver.resources.validation.security_context import check_host_users, check_pod_security
from kapiserver.resources.validation.volumes import check_volumes

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PREEMPTION_POLICIES = ("PreemptLowerPriority", "Never")
_SYSTEMS = ("linux", "windows")
_MAX_NAMESERVERS = 3
_MAX_SEARCHES = 32
_MAX_SEARCH_CHARACTERS = 2048
_MAX_HOSTNAME = 64
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_MIRROR = "kubernetes.io/config.mirror"


def check_pod(found: Found, pod: Object) -> None:
    """What must hold of a pod whenever it is written."""
    metadata = pod.get("metadata") or {}
    spec = pod.get("spec") or {}
    if annotations := metadata.get("annotations"):
        check_pod_annotations(found, annotations, spec, "metadata.annotations")
    check_pod_spec(found, spec, "spec", pod_name=metadata.get("name", ""), is_pod=True)
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


def check_template(
    found: Found, template: Object, path: str, claims: Iterable[Object] = ()
) -> None:
    """A pod template; `claims` are the claim templates whose volumes it may mount as well."""
    metadata = template.get("metadata") or {}
    spec = template.get("spec") or {}
    check_labels(found, metadata.get("labels"), f"{path}.labels")
    if annotations := metadata.get("annotations"):
        check_annotations(found, annotations, f"{path}.annotations")
        check_pod_annotations(found, annotations, spec, f"{path}.annotations")
    check_pod_spec(found, spec, f"{path}.spec", is_pod=False, claims=claims)
    if spec.get("ephemeralContainers"):
        detail = "ephemeral containers not allowed in pod template"
        found.append(forbidden(f"{path}.spec.ephemeralContainers", detail))


def check_pod_annotations(
    found: Found, annotations: Mapping[str, str], spec: Object, path: str
) -> None:
    mirror = annotations.get(_MIRROR)
    if mirror is not None and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        found.append(invalid(f"{path}[{_MIRROR}]", mirror, detail))
    cost = annotations.get(_DELETION_COST)
    if cost is not None and not _is_int32(cost):
        found.append(invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer"))


def _is_int32(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text
    # the canonical form only: no plus, no leading zeros
    if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and text != "0"):
        return False
    return -MAX_INT32 - 1 <= int(text[:12]) <= MAX_INT32 and len(text) <= 11


def check_pod_spec(
    found: Found,
    spec: Object,
    path: str,
    *,
    is_pod: bool,
    pod_name: str = "",
    claims: Iterable[Object] = (),
) -> None:
    get = spec.get
    grace = get("terminationGracePeriodSeconds")
    if grace is None:
        found.append(required(f"{path}.terminationGracePeriodSeconds"))
    volumes: dict[str, Object] = {}
    if entries := get("volumes"):
        volumes = check_volumes(found, entries, f"{path}.volumes", pod_name=pod_name, is_pod=is_pod)
    for claim in claims:
        name = (claim.get("metadata") or {}).get("name", "")
        volumes[name] = {"name": name, "persistentVolumeClaim": {"claimName": name}}
    resource_claims = get("resourceClaims") or ()
    if resource_claims:
        _check_resource_claims(found, resource_claims, f"{path}.resourceClaims")
    facts = PodFacts(
        volumes=volumes,
        claims={claim.get("name", "") for claim in resource_claims} - {""},
        grace=grace,
        restart_policy=get("restartPolicy", ""),
        host_users=get("hostUsers") is not False,
        operating_system=(get("os") or {}).get("name", ""),
    )
    regular, initial = get("containers") or (), get("initContainers") or ()
    check_containers(found, regular, f"{path}.containers", facts)
    if initial:
        check_init_containers(found, initial, regular, f"{path}.initContainers", facts)
    if ephemeral := get("ephemeralContainers"):
        here = f"{path}.ephemeralContainers"
        check_ephemeral_containers(found, ephemeral, (*regular, *initial), here, facts)
    if resources := get("resources"):
        check_pod_resources(found, resources, f"{path}.resources")
    if get("hostNetwork"):
        check_host_network(found, regular, f"{path}.containers", is_pod=is_pod)
    _check_choice(found, get("restartPolicy", ""), RESTART_POLICIES, path, "restartPolicy")
    _check_choice(found, get("dnsPolicy", ""), DNS_POLICIES, path, "dnsPolicy")
    if selector := get("nodeSelector"):
        check_labels(found, selector, f"{path}.nodeSelector")
    if context := get("securityContext"):
        check_pod_security(found, context, spec, f"{path}.securityContext")
    if get("shareProcessNamespace") and get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        found.append(invalid(f"{path}.securityContext.shareProcessNamespace", True, detail))
    if affinity := get("affinity"):
        check_affinity(found, affinity, f"{path}.affinity")
    _check_dns(found, get("dnsPolicy"), get("dnsConfig"), f"{path}.dnsConfig")
    for position, gate in enumerate(get("readinessGates") or ()):
        here = f"{path}.readinessGates[{position}].conditionType"
        check_qualified(found, gate.get("conditionType", ""), here)
    if gates := get("schedulingGates"):
        check_gates(found, gates, f"{path}.schedulingGates")
    if constraints := get("topologySpreadConstraints"):
        check_spreading(found, constraints, f"{path}.topologySpreadConstraints")
    check_host_users(found, spec, path)
    _check_names(found, spec, path)
    deadline = get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        here = f"{path}.activeDeadlineSeconds"
        found.append(invalid(here, deadline, in_range(1, MAX_INT32)))
    if tolerations := get("tolerations"):
        check_tolerations(found, tolerations, f"{path}.tolerations")
    for position, alias in enumerate(get("hostAliases") or ()):
        _check_alias(found, alias, f"{path}.hostAliases[{position}]")
    policy = get("preemptionPolicy")
    if policy is not None:
        _check_choice(found, policy, PREEMPTION_POLICIES, path, "preemptionPolicy")
    if overhead := get("overhead"):
        check_container_resources(found, {"limits": overhead}, f"{path}.overhead")
    if (system := get("os")) is not None:
        _check_system(found, system.get("name", ""), f"{path}.os")


def _check_choice(
    found: Found, value: str, choices: tuple[str, ...], path: str, field: str
) -> None:
    if value not in choices:
        here = f"{path}.{field}"
        found.append(unsupported(here, value, choices) if value else required(here))


def _check_names(found: Found, spec: Object, path: str) -> None:
    get = spec.get
    for field in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        name = get(field)
        if name:
            check_subdomain(found, name, f"{path}.{field}")
    for field in ("hostname", "subdomain"):
        if name := get(field):
            check_label(found, name, f"{path}.{field}")
    override = get("hostnameOverride")
    if override is not None:
        _check_hostname_override(found, override, spec, f"{path}.hostnameOverride")


def _check_hostname_override(found: Found, name: str, spec: Object, path: str) -> None:
    if len(name) > _MAX_HOSTNAME:
        found.append(invalid(path, name, f"must be no more than {_MAX_HOSTNAME} characters"))
    check_subdomain(found, name, path)
    if spec.get("setHostnameAsFQDN"):
        detail = "may not be specified when `setHostnameAsFQDN` is true"
        found.append(forbidden(path, detail))
    if spec.get("hostNetwork"):
        found.append(forbidden(path, "may not be specified when `hostNetwork` is true"))


def _check_system(found: Found, name: str, path: str) -> None:
    if not name:
        found.append(required(f"{path}.name", "cannot be empty"))
    elif name not in _SYSTEMS:
        found.append(unsupported(path, name, _SYSTEMS))


def _check_alias(found: Found, alias: Object, path: str) -> None:
    check_ip(found, alias.get("ip", ""), f"{path}.ip")
    for position, name in enumerate(alias.get("hostnames") or ()):
        check_subdomain(found, name, f"{path}.hostnames[{position}]")


def _check_dns(found: Found, policy: Any, config: Any, path: str) -> None:
    if policy == "None":
        if config is None:
            detail = "must provide `dnsConfig` when `dnsPolicy` is None"
            found.append(required(path, detail))
            return
        if not config.get("nameservers"):
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            found.append(required(f"{path}.nameservers", detail))
            return
    if not config:
        return
    servers = config.get("nameservers") or ()
    if len(servers) > _MAX_NAMESERVERS:
        detail = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        found.append(invalid(f"{path}.nameservers", servers, detail))
    for position, server in enumerate(servers):
        check_ip(found, server, f"{path}.nameservers[{position}]")
    searches = config.get("searches") or ()
    if len(searches) > _MAX_SEARCHES:
        detail = f"must not have more than {_MAX_SEARCHES} search paths"
        found.append(invalid(f"{path}.searches", searches, detail))
    if len(" ".join(searches)) > _MAX_SEARCH_CHARACTERS:
        detail = (
            f"must not have more than {_MAX_SEARCH_CHARACTERS} characters (including spaces) in "
            "the search list"
        )
        found.append(invalid(f"{path}.searches", searches, detail))
    for position, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            here = f"{path}.searches[{position}]"
            found += [invalid(here, name, problem) for problem in underscored_subdomain(name)]
    for position, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            found.append(required(f"{path}.options[{position}]", "must not be empty"))


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
        given = [f for f in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(f)]
        if len(given) > 1:
            detail = (
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            )
            found.append(invalid(here, claim, detail))
        elif not given:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            found.append(invalid(here, claim, detail))
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
