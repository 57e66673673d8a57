"""A merged object becomes a typed one: as upstream fills structs from maps, not as JSON is decoded.

Numbers are converted there: a whole float fits an integer, and what is too large for 32 bits loses
the bits above them. Slow and rare: this runs when the decoder has found something wrong.
"""

from __future__ import annotations

from kapiserver.api.patches.restoring import fault, whole_numbers
from kapiserver.resources.definition import Object
from kapiserver.resources.schema import SchemaSet

_NOT_BASE64 = "illegal base64"


def restore(schemas: SchemaSet, definition: str, obj: Object) -> str:
    """Make typed what can be, in place. What cannot: the first fault; empty if there is none."""
    place = schemas.node(definition)
    found = fault(schemas, place, obj)
    if found:
        return found
    whole_numbers(schemas, place, obj)
    error = schemas.validator(definition).check(obj).error
    return f"error decoding from json: {error}" if error.startswith(_NOT_BASE64) else error
