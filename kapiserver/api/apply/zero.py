"""What an absent field counts as, when objects are compared.

kube-apiserver compares Go structs: a struct held by value, and a field that is always written, are
there even in an empty object, so nobody is recorded as having added them.
"""

from __future__ import annotations

from typing import Any, Final

from kapiserver.resources.schema.complete import ZEROS
from kapiserver.resources.schema.nodes import Form, Node
from kapiserver.resources.schema.shapes import Shape


class _Missing:
    __slots__ = ()


MISSING: Final = _Missing()


def zero_of(place: Node) -> Any:
    """MISSING, or the value that an absent field has."""
    if place.shape is Shape.NULLABLE:
        return None
    if place.shape is not Shape.ALWAYS:
        return MISSING
    return {} if place.form is Form.REF else ZEROS.get(place.form)
