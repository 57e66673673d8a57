"""What an update may leave wrong: rules came after objects that break them, which must stay
writable. In: the pod spec that is replaced. Out: which rules it breaks already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.pod_containers import containers_of
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.labels import check_selector, check_values
from kapiserver.resources.validation.paths import check_local_path
from kapiserver.resources.validation.quantities import check_amount
from kapiserver.resources.validation.sysctls import shared_namespace

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_COMPARISONS = ("Lt", "Gt")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Each flag is a rule that does not count this time."""

    pod_selector_values: bool = False
    node_label_values: bool = False
    spread_selectors: bool = False
    spread_keys: bool = False
    partial_pages: bool = False
    token_paths: bool = False
    node_sysctls: bool = False
    restarts_on_resize: bool = False
    devices_of_own_users: bool = False
    comparisons: bool = False
    own_users_on_node_network: bool = False
    unnamed_images: bool = False


STRICT = Tolerance()


def tolerance(old: Object | None) -> Tolerance:
    if not old:
        return STRICT
    affinity = old.get("affinity") or {}
    return Tolerance(
        pod_selector_values=bool(_problems_of_selectors(affinity)),
        node_label_values=bool(_problems_of_node_labels(affinity)),
        spread_selectors=bool(_problems_of_spreading(old)),
        spread_keys=any(map(_repeats_key, old.get("topologySpreadConstraints") or ())),
        partial_pages=bool(_problems_of_pages(old)),
        token_paths=bool(_problems_of_tokens(old)),
        node_sysctls=any(
            shared_namespace(sysctl.get("name", ""), old) is not None
            for sysctl in (old.get("securityContext") or {}).get("sysctls") or ()
        ),
        restarts_on_resize=any(map(restarts_on_resize, old.get("initContainers") or ())),
        devices_of_own_users=old.get("hostUsers") is False
        and any(container.get("volumeDevices") for container in containers_of(old)),
        comparisons=any(
            each.get("operator") in _COMPARISONS for each in old.get("tolerations") or ()
        ),
        own_users_on_node_network=old.get("hostUsers") is False and bool(old.get("hostNetwork")),
        unnamed_images=any(
            volume.get("image") is not None and not volume["image"].get("reference")
            for volume in old.get("volumes") or ()
        ),
    )


def restarts_on_resize(container: Object) -> bool:
    """Of an init container that is over before anything could be resized."""
    return container.get("restartPolicy") != "Always" and any(
        each.get("restartPolicy") == "RestartContainer"
        for each in container.get("resizePolicy") or ()
    )


def _terms(affinity: Object) -> Iterator[Object]:
    for field in ("podAffinity", "podAntiAffinity"):
        pods = affinity.get(field) or {}
        yield from pods.get(_REQUIRED) or ()
        for weighted in pods.get(_PREFERRED) or ():
            yield weighted.get("podAffinityTerm") or {}


def _problems_of_selectors(affinity: Object) -> Found:
    found: Found = []
    for term in _terms(affinity):
        check_selector(found, term.get("labelSelector"), "")
        check_selector(found, term.get("namespaceSelector"), "")
    return found


def _problems_of_node_labels(affinity: Object) -> Found:
    found: Found = []
    required = (affinity.get("nodeAffinity") or {}).get(_REQUIRED) or {}
    for term in required.get("nodeSelectorTerms") or ():
        for expression in term.get("matchExpressions") or ():
            check_values(found, expression.get("values") or (), "")
    return found


def _problems_of_spreading(spec: Object) -> Found:
    found: Found = []
    for constraint in spec.get("topologySpreadConstraints") or ():
        check_selector(found, constraint.get("labelSelector"), "")
    return found


def _repeats_key(constraint: Object) -> bool:
    return bool(repeated_keys(constraint, constraint.get("matchLabelKeys") or ()))


def repeated_keys(holder: Object, keys: Any) -> list[tuple[int, str]]:
    """Those of `keys`, with their positions, on which the selector has an expression and something
    before it: by now the keys are expressions themselves."""
    positions = {key: position for position, key in enumerate(keys)}
    selector = holder.get("labelSelector") or {}
    seen = set(selector.get("matchLabels") or ())
    repeated = []
    for expression in selector.get("matchExpressions") or ():
        key = expression.get("key", "")
        if key in positions and key in seen:
            repeated.append((positions[key], key))
        seen.add(key)
    return repeated


def _problems_of_pages(spec: Object) -> Found:
    found: Found = []
    for holder in (*containers_of(spec), {"resources": {"limits": spec.get("overhead")}}):
        for amounts in (holder.get("resources") or {}).values():
            if isinstance(amounts, dict):
                for name, quantity in amounts.items():
                    check_amount(found, name, quantity, "")
    return found


def _problems_of_tokens(spec: Object) -> Found:
    found: Found = []
    for volume in spec.get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            token = source.get("serviceAccountToken")
            if token is not None:
                check_local_path(found, token.get("path", ""), "")
    return found
