"""node.k8s.io/v1: runtimeclasses."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import duplicate, immutable
from kapiserver.resources.printing import column, table, text, value_at
from kapiserver.resources.resource_lists import round_up
from kapiserver.resources.strategies import without_status
from kapiserver.resources.validation.formats import check_label
from kapiserver.resources.validation.internals import Field, Shape, internal
from kapiserver.resources.validation.internals import text as word
from kapiserver.resources.validation.labels import check_labels
from kapiserver.resources.validation.node_labels import DEPRECATED_NODE_LABELS
from kapiserver.resources.validation.quantities import check_container_resources
from kapiserver.resources.validation.scheduling import check_tolerations

NODE = Group("node.k8s.io", "io.k8s.api.node")

_TOLERATION: Shape = {
    "Key": word("key"),
    "Operator": word("operator"),
    "Value": word("value"),
    "Effect": word("effect"),
    "TolerationSeconds": Field("tolerationSeconds"),
}
_TOLERATION_KEYS = ("key", "operator", "value", "effect")


def _defaults(obj: Object, context: WriteContext) -> None:
    round_up(obj.get("overhead") or {}, "podFixed")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_label(found, text(obj, "handler"), "handler")
    overhead = obj.get("overhead")
    if overhead is not None:
        # checked, and reported, as the limits of a container
        check_container_resources(found, {"limits": overhead.get("podFixed")}, "overhead")
    scheduling = obj.get("scheduling") or {}
    check_labels(found, scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    tolerations = scheduling.get("tolerations") or ()
    check_tolerations(found, tolerations, "scheduling.tolerations")
    seen = set()
    for position, toleration in enumerate(tolerations):
        key = tuple(toleration.get(field, "") for field in _TOLERATION_KEYS)
        if key in seen:
            shown = internal(toleration, _TOLERATION)
            found.append(duplicate(f"scheduling.tolerations[{position}]", shown))
        seen.add(key)
    return found


def _handler_stays(obj: Object, context: WriteContext) -> Sequence[Cause]:
    handler = text(obj, "handler")
    if context.old is not None and handler != text(context.old, "handler"):
        return [immutable("handler", handler)]
    return ()


def _warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    selector = (obj.get("scheduling") or {}).get("nodeSelector") or {}
    return [
        f"scheduling.nodeSelector: {DEPRECATED_NODE_LABELS[label]}"
        for label in selector
        if label in DEPRECATED_NODE_LABELS
    ]


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    NODE.resource(
        "RuntimeClass",
        "runtimeclasses",
        namespaced=False,
        strategy=without_status(
            defaults=_defaults,
            validate=_validate,
            validate_update=_handler_stays,
            warnings=_warnings,
            complete=True,
            create_on_update=True,
            unconditional_update=False,
        ),
        columns=table(column("Handler", value_at("handler"), "")),
    ),
)
