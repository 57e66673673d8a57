"""What may change of a pod that exists: a running pod is what its node made of it."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required
from kapiserver.resources.validation.containers import check_image_padding
from kapiserver.resources.validation.formats import MAX_INT32, Found, in_range
from kapiserver.resources.validation.internal_pods import (
    EPHEMERAL_CONTAINER,
    NODE_TERM,
    internal_pod_spec,
    same_specs,
)
from kapiserver.resources.validation.internals import NIL, alike, internal
from kapiserver.resources.validation.pod_tolerance import tolerance
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.scheduling import check_tolerations
from kapiserver.resources.validation.spec_diff import spec_diff

_UPDATABLE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` "
        "(allow it to be set to 1 if it was previously negative)",
    )
)
_MIRROR = "kubernetes.io/config.mirror"
_TERMS = "requiredDuringSchedulingIgnoredDuringExecution"


def check_pod_update(found: Found, new: Object, old: Object) -> None:
    """`new` is well formed as such; here is what the change from `old` may not be."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if after == before:
        return
    for field in ("containers", "initContainers"):
        if len(after.get(field) or ()) != len(before.get(field) or ()):
            detail = "pod updates may not add or remove containers"
            found.append(forbidden(f"spec.{field}", detail))
            return
        for position, container in enumerate(after.get(field) or ()):
            if not container.get("image"):
                found.append(required(f"spec.{field}[{position}].image"))
            check_image_padding(found, container, f"spec.{field}[{position}]")
    if not _check_deadline(found, after, before):
        return
    _check_added_tolerations(found, after, before)
    _check_removed_gates(found, after, before)
    kept = _with_old_values(after, before)
    if before.get("schedulingGates"):
        _check_gated(found, kept, before)
    if not same_specs(kept, before):
        difference = spec_diff(before, kept, internal_pod_spec)
        detail = f"pod updates may not change fields other than {_UPDATABLE}\n{difference}"
        found.append(forbidden("spec", detail))


def _check_deadline(found: Found, after: Object, before: Object) -> bool:
    """Whether the rest is worth looking at."""
    path = "spec.activeDeadlineSeconds"
    wanted, had = after.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if wanted is None:
        if had is not None:
            detail = "must not update from a positive integer to nil value"
            found.append(invalid(path, NIL, detail))
        return True
    if not 0 <= wanted <= MAX_INT32:
        found.append(invalid(path, wanted, in_range(0, MAX_INT32)))
        return False
    if had is not None and had < wanted:
        found.append(invalid(path, wanted, "must be less than or equal to previous value"))
        return False
    return True


def _check_added_tolerations(found: Found, after: Object, before: Object) -> None:
    wanted = after.get("tolerations") or ()
    kept = [_timeless(toleration) for toleration in wanted]
    for toleration in before.get("tolerations") or ():
        if _timeless(toleration) not in kept:
            detail = "existing toleration can not be modified except its tolerationSeconds"
            found.append(forbidden("spec.tolerations", detail))
            return
    comparisons = tolerance(before).comparisons
    check_tolerations(found, wanted, "spec.tolerations", comparisons=comparisons)


def _timeless(toleration: Object) -> Object:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds" and value}


def _check_removed_gates(found: Found, after: Object, before: Object) -> None:
    had = {gate.get("name", "") for gate in before.get("schedulingGates") or ()}
    gates = enumerate(after.get("schedulingGates") or ())
    last = {gate.get("name", ""): position for position, gate in gates}
    for name, position in last.items():
        if name not in had:
            detail = f"only deletion is allowed, but found new scheduling gate '{name}'"
            found.append(forbidden(f"spec.schedulingGates[{position}].name", detail))


def _with_old_values(after: Object, before: Object) -> Object:
    """The new spec with the old values of what may change: it should be the old spec then."""
    kept = dict(after)
    for field in ("containers", "initContainers"):
        if field in kept:
            kept[field] = [
                {**new, "image": old.get("image", "")}
                for new, old in zip(kept[field], before.get(field) or (), strict=True)
            ]
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        _put_back(kept, before, field)
    if before.get("terminationGracePeriodSeconds", 0) < 0 and (
        kept.get("terminationGracePeriodSeconds") == 1
    ):
        _put_back(kept, before, "terminationGracePeriodSeconds")
    return kept


def _put_back(kept: Object, before: Object, field: str) -> None:
    kept.pop(field, None)
    if field in before:
        kept[field] = before[field]


def _check_gated(found: Found, kept: Object, before: Object) -> None:
    """A pod that no scheduler has seen may still narrow where it goes."""
    wanted, had = kept.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if not had.items() <= wanted.items():
        detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        shown = dict(sorted(wanted.items())) or kept.get("nodeSelector")
        found.append(invalid("spec.nodeSelector", shown, detail))
    _put_back(kept, before, "nodeSelector")
    after, prior = kept.get("affinity") or {}, before.get("affinity") or {}
    nodes, earlier = after.get("nodeAffinity") or {}, prior.get("nodeAffinity") or {}
    if same(nodes, earlier):
        return
    _check_node_terms(found, nodes, earlier)
    merged = {**after}
    _put_back(merged, prior, "nodeAffinity")
    if merged or "affinity" in before:
        kept["affinity"] = merged
    else:
        kept.pop("affinity", None)


def _check_node_terms(found: Found, nodes: Object, earlier: Object) -> None:
    path = f"spec.affinity.nodeAffinity.{_TERMS}.nodeSelectorTerms"
    had = (earlier.get(_TERMS) or {}).get("nodeSelectorTerms") or []
    wanted = (nodes.get(_TERMS) or {}).get("nodeSelectorTerms") or []
    if had and len(had) != len(wanted):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        found.append(invalid(path, internal(wanted, NODE_TERM) or None, detail))
        return
    for position, (new, old) in enumerate(zip(wanted, had, strict=False)):
        if not _only_added(new, old):
            detail = "only additions are allowed (no mutations or deletions)"
            found.append(invalid(f"{path}[{position}]", internal(new, NODE_TERM), detail))


def _only_added(new: Object, old: Object) -> bool:
    if not old.get("matchExpressions") and not old.get("matchFields"):
        return not new.get("matchExpressions") and not new.get("matchFields")
    for field in ("matchExpressions", "matchFields"):
        had: list[Any] = old.get(field) or []
        wanted: list[Any] = new.get(field) or []
        if not same(wanted[: len(had)], had):
            return False
    return True


def check_ephemeral_update(found: Found, new: Object, old: Object) -> None:
    """Through /ephemeralcontainers: containers are added, never changed or removed."""
    if _MIRROR in ((old.get("metadata") or {}).get("annotations") or {}):
        found[:] = [forbidden("[]", "static pods do not support ephemeral containers")]
        return
    path = "spec.ephemeralContainers"
    wanted = {
        container.get("name", ""): container
        for container in (new.get("spec") or {}).get("ephemeralContainers") or ()
    }
    for container in (old.get("spec") or {}).get("ephemeralContainers") or ():
        name = container.get("name", "")
        kept = wanted.get(name)
        if kept is None:
            detail = f'existing ephemeral containers "{name}" may not be removed\n'
            found.append(forbidden(path, detail))
        elif not alike(container, kept, EPHEMERAL_CONTAINER):
            difference = spec_diff(container, kept, _shown)
            detail = f'existing ephemeral containers "{name}" may not be changed\n{difference}'
            found.append(forbidden(path, detail))


def _shown(container: Object) -> Any:
    return internal(container, EPHEMERAL_CONTAINER)
