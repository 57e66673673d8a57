"""Selectors of a question about access that cannot be used: it is answered as if without them.

In: `spec.resourceAttributes`, of a question that is valid. Out: the text of the answer's
`evaluationError`, empty when all can be used. An answer without selectors is about more objects,
so none is allowed by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kapiserver.api.field_selector import FieldSelectorError, parse_terms
from kapiserver.api.label_selector import SelectorError, parse_labels
from kapiserver.resources.definition import Object

_LABEL_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_FIELD_OPERATORS = ("In", "NotIn")  # of one value: all that field selectors can say


def evaluation_error(resource: Object) -> str:
    return "; ".join(
        f"spec.resourceAttributes.{name} {extent}ignored due to parse error"
        for name, parse, usable in (
            ("fieldSelector", parse_terms, _is_usable_field),
            ("labelSelector", parse_labels, _is_usable_label),
        )
        if (extent := _ignored(resource.get(name) or {}, parse, usable)) is not None
    )


def _ignored(
    selector: Object, parse: Callable[[str], Any], usable: Callable[[Object], bool]
) -> str | None:
    """How much of it: "partially ", all of it (""), or nothing (None)."""
    requirements: Sequence[Object] = selector.get("requirements") or ()
    if requirements:
        known = sum(map(usable, requirements))
        return None if known == len(requirements) else "partially " if known else ""
    try:
        parse(selector.get("rawSelector") or "")
    except (FieldSelectorError, SelectorError):
        return ""
    return None


def _is_usable_field(requirement: Object) -> bool:
    values = requirement.get("values") or ()
    return requirement.get("operator") in _FIELD_OPERATORS and len(values) == 1


def _is_usable_label(requirement: Object) -> bool:
    return requirement.get("operator") in _LABEL_OPERATORS
