"""Containers of a pod: regular, init and ephemeral ones, and what all of them must keep to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    too_many,
    unsupported,
)
from kapiserver.resources.validation.env import check_env, check_env_from
from kapiserver.resources.validation.formats import Found, check_choice, check_label
from kapiserver.resources.validation.mounts import Volumes, check_mounts
from kapiserver.resources.validation.pod_tolerance import (
    STRICT,
    Tolerance,
    restarts_on_resize,
)
from kapiserver.resources.validation.ports import check_host_ports, check_ports
from kapiserver.resources.validation.probes import check_lifecycle, check_probes
from kapiserver.resources.validation.quantities import check_container_resources
from kapiserver.resources.validation.security_context import check_container_security

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_RESTART_ACTIONS = ("Restart", "RestartAllContainers")
_RESIZED = ("cpu", "memory")
_RESIZE_POLICIES = ("NotRequired", "RestartContainer")
_MAX_RESTART_RULES = 20
_MAX_EXIT_CODES = 255
_PROBES = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
# What an ephemeral container may not have, in the order of the type.
_NOT_EPHEMERAL = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the rules of a container need to know about its pod."""

    volumes: Volumes
    claims: Collection[str]
    grace: int | None
    restart_policy: str
    host_users: bool
    operating_system: str
    tolerance: Tolerance = STRICT


def check_containers(found: Found, containers: Any, path: str, pod: PodFacts) -> None:
    if not containers:
        found.append(required(path))
        return
    names: set[str] = set()
    for position, container in enumerate(containers):
        here = f"{path}[{position}]"
        name = container.get("name", "")
        _check_common(found, container, name, here, pod)
        if name in names:
            found.append(duplicate(f"{here}.name", name))
        names.add(name)
        _check_hooks(found, container, here, pod)
        _check_restarts(found, container, here)
    check_host_ports(found, containers, path)


def check_init_containers(
    found: Found, containers: Any, regular: Any, path: str, pod: PodFacts
) -> None:
    names = {container.get("name", "") for container in regular}
    for position, container in enumerate(containers):
        here = f"{path}[{position}]"
        name = container.get("name", "")
        _check_common(found, container, name, here, pod)
        _check_restarts(found, container, here, initial=True)
        if name in names:
            found.append(duplicate(f"{here}.name", name))
        elif name:
            names.add(name)
        # they run one by one, so ports collide only within one
        check_host_ports(found, (container,), path)
        if container.get("restartPolicy") == "Always":
            _check_hooks(found, container, here, pod)
            continue
        for field in _PROBES:
            if container.get(field) is not None:
                detail = "may not be set for init containers without restartPolicy=Always"
                found.append(forbidden(f"{here}.{field}", detail))
        if restarts_on_resize(container) and not pod.tolerance.restarts_on_resize:
            _check_resized_start(found, container["resizePolicy"], f"{here}.resizePolicy")


def check_ephemeral_containers(
    found: Found, containers: Any, others: Any, path: str, pod: PodFacts
) -> None:
    targets = {container.get("name", "") for container in others}
    names = set(targets)
    for position, container in enumerate(containers):
        here = f"{path}[{position}]"
        name = container.get("name", "")
        _check_common(found, container, name, here, pod)
        check_image_padding(found, container, here)
        if name in names:
            found.append(duplicate(f"{here}.name", name))
        names.add(name)
        target = container.get("targetContainerName", "")
        if target and target not in targets:
            found.append(not_found(f"{here}.targetContainerName", target))
        detail = "cannot be set for an Ephemeral Container"
        for field in _NOT_EPHEMERAL:
            if field in container and (container[field] or field != "resources"):
                found.append(forbidden(f"{here}.{field}", detail))
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            for field in ("subPath", "subPathExpr"):
                if mount.get(field):
                    found.append(forbidden(f"{here}.volumeMounts[{index}].{field}", detail))


def check_image_padding(found: Found, container: Object, path: str) -> None:
    """Only of pods: in templates it was never looked at."""
    image = container.get("image", "")
    if image != image.strip():
        detail = "must not have leading or trailing whitespace"
        found.append(invalid(f"{path}.image", image, detail))


def _check_common(found: Found, container: Object, name: str, path: str, pod: PodFacts) -> None:
    get = container.get
    if not name:
        found.append(required(f"{path}.name"))
    else:
        check_label(found, name, f"{path}.name")
    if not get("image"):
        found.append(required(f"{path}.image"))
    policy = get("terminationMessagePolicy", "")
    if policy not in _MESSAGE_POLICIES:
        check_choice(
            found, policy, _MESSAGE_POLICIES, f"{path}.terminationMessagePolicy", needed=True
        )
    if value := get("ports"):
        check_ports(found, value, f"{path}.ports")
    if value := get("env"):
        check_env(found, value, f"{path}.env")
    if value := get("envFrom"):
        check_env_from(found, value, f"{path}.envFrom")
    check_mounts(found, container, path, pod.volumes)
    policy = get("imagePullPolicy", "")
    if policy not in PULL_POLICIES:
        check_choice(found, policy, PULL_POLICIES, f"{path}.imagePullPolicy", needed=True)
    if value := get("resources"):
        pages = pod.tolerance.partial_pages
        here = f"{path}.resources"
        check_container_resources(found, value, here, pod.claims, partial_pages=pages)
    if value := get("resizePolicy"):
        _check_resize(found, value, f"{path}.resizePolicy", pod.restart_policy)
    if value := get("securityContext"):
        check_container_security(found, value, f"{path}.securityContext", pod.host_users)


def _check_hooks(found: Found, container: Object, path: str, pod: PodFacts) -> None:
    lifecycle = container.get("lifecycle")
    if lifecycle is not None:
        check_lifecycle(found, lifecycle, f"{path}.lifecycle", pod.grace, pod.operating_system)
    check_probes(found, container, path, pod.grace)


def _check_restarts(found: Found, container: Object, path: str, *, initial: bool = False) -> None:
    policy = container.get("restartPolicy")
    rules = container.get("restartPolicyRules") or ()
    if policy is None:
        if rules:
            detail = "must specify restartPolicy when restart rules are used"
            found.append(required(f"{path}.restartPolicy", detail))
        if initial:
            return
    elif policy not in _RESTART_POLICIES:
        found.append(unsupported(f"{path}.restartPolicy", policy, _RESTART_POLICIES))
    if len(rules) > _MAX_RESTART_RULES:
        found.append(too_many(f"{path}.restartPolicyRules", len(rules), _MAX_RESTART_RULES))
    for position, rule in enumerate(rules):
        _check_restart_rule(found, rule, f"{path}.restartPolicyRules[{position}]")


def _check_restart_rule(found: Found, rule: Object, path: str) -> None:
    action = rule.get("action", "")
    if action not in _RESTART_ACTIONS:
        found.append(unsupported(f"{path}.action", action, _RESTART_ACTIONS))
    codes = rule.get("exitCodes")
    if codes is None:
        found.append(required(f"{path}.exitCodes", "must be specified"))
        return
    operator, values = codes.get("operator", ""), codes.get("values") or ()
    if operator not in ("In", "NotIn"):
        found.append(unsupported(f"{path}.exitCodes.operator", operator, ("In", "NotIn")))
    if len(values) > _MAX_EXIT_CODES:
        found.append(too_many(f"{path}.exitCodes.values", len(values), _MAX_EXIT_CODES))


def _check_resize(found: Found, policies: Any, path: str, restart_policy: str) -> None:
    seen: set[str] = set()
    for position, policy in enumerate(policies):
        name, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if name in seen:
            found.append(duplicate(f"{path}[{position}]", name))
        seen.add(name)
        if name not in _RESIZED:
            check_choice(found, name, _RESIZED, path, needed=True)
        if restart not in _RESIZE_POLICIES:
            check_choice(found, restart, _RESIZE_POLICIES, path, needed=True)
        if restart_policy == "Never" and restart != "NotRequired":
            detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            found.append(invalid(path, restart, detail))


def _check_resized_start(found: Found, policies: Any, path: str) -> None:
    detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
    for position, policy in enumerate(policies):
        if policy.get("restartPolicy") == "RestartContainer":
            here = f"{path}[{position}].restartPolicy"
            found.append(invalid(here, "RestartContainer", detail))
