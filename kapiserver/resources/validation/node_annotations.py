"""Annotations of nodes that hold JSON: taints, and pods to be avoided, both from before there were
fields for them. In: annotations. Out: findings worded as upstream's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kapiserver.resources.field_errors import invalid, required
from kapiserver.resources.printing import dig, items
from kapiserver.resources.schema.reading import Unreadable, read_json
from kapiserver.resources.validation.formats import Found

_PATH = "metadata.annotations"
_TAINTS = "scheduler.alpha.kubernetes.io/taints"
_AVOID_PODS = "scheduler.alpha.kubernetes.io/preferAvoidPods"
_GO_KINDS = {dict: "object", list: "array", str: "string", bool: "bool"}

CheckTaints = Callable[[Found, list[Any], str], None]


def check_node_annotations(
    found: Found, annotations: Mapping[str, str], check_taints: CheckTaints
) -> None:
    if annotations.get(_TAINTS):
        taints, problem = _read(annotations[_TAINTS], list, "[]core.Taint")
        if problem:
            found.append(invalid(_PATH, _TAINTS, problem))
        else:
            check_taints(found, [each for each in taints if each], f"{_PATH}.{_TAINTS}")
    if annotations.get(_AVOID_PODS):
        avoided, problem = _read(annotations[_AVOID_PODS], dict, "v1.AvoidPods")
        if problem:
            found.append(invalid(f"{_PATH}.AvoidPods", _AVOID_PODS, problem))
        else:
            _check_avoided(found, avoided)


def _check_avoided(found: Found, avoided: Any) -> None:
    for position, entry in enumerate(items(avoided, "preferAvoidPods")):
        here = f"{_PATH}.{_AVOID_PODS}[{position}].PodSignature"
        owner = dig(entry, "podSignature", "podController")
        if owner is None:
            found.append(required(here))
        elif dig(owner, "controller") is not True:
            detail = "must point to a controller"
            found.append(invalid(f"{here}.PodController.Controller", False, detail))


def _read(text: str, wanted: type, go_type: str) -> tuple[Any, str]:
    """What an annotation holds, or what Go says of it."""
    try:
        value = read_json(text.encode())
    except Unreadable as error:
        return wanted(), str(error)
    if value is None:
        return wanted(), ""
    if isinstance(value, wanted):
        return value, ""
    kind = _GO_KINDS.get(type(value), "number")
    return wanted(), f"json: cannot unmarshal {kind} into Go value of type {go_type}"
