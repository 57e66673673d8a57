"""node.k8s.io/v1: runtimeclasses."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.printing import column, table, text, value_at
from kapiserver.resources.strategies import unchanging, without_status

NODE = Group("node.k8s.io", "io.k8s.api.node")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    handler = text(obj, "handler")
    return [invalid("handler", handler, why) for why in dns1123_label(handler)]


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    NODE.resource(
        "RuntimeClass",
        "runtimeclasses",
        namespaced=False,
        strategy=without_status(
            validate=_validate,
            validate_update=unchanging("handler"),
            create_on_update=True,
            unconditional_update=False,
        ),
        columns=table(
            column("Handler", value_at("handler"), "How the container runtime knows it.")
        ),
    ),
)
