"""core/v1: resources that are computed or are writes to something else, never stored."""

from __future__ import annotations

from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import VIRTUAL
from kapiserver.resources.definition import Object, ResourceDefinition
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import NAME, Cell, column, items, text


def _healthy(obj: Object) -> Object:
    for condition in items(obj, "conditions"):
        if isinstance(condition, dict) and condition.get("type") == "Healthy":
            return condition
    return {}


def _status(obj: Object, now: float) -> str:
    health = _healthy(obj)
    if not health:
        return "Unknown"
    return "Healthy" if health.get("status") == "True" else "Unhealthy"


def _of_health(field: str) -> Cell:
    return lambda obj, now: text(_healthy(obj), field)


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource("Binding", "bindings", verbs=VIRTUAL, name_rule=path_segment, virtual=True),
    CORE.resource(
        "ComponentStatus",
        "componentstatuses",
        namespaced=False,
        verbs=("get", "list"),
        short=("cs",),
        deprecated="v1 ComponentStatus is deprecated in v1.19+",
        columns=(
            NAME,
            column("Status", _status, "Status of the component conditions"),
            column("Message", _of_health("message"), "Message of the component conditions"),
            column("Error", _of_health("error"), "Error of the component conditions"),
        ),
        virtual=True,
    ),
)
