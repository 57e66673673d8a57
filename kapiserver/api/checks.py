"""All that is wrong with an object, at once: metadata, required fields, the resource's own rules.

In: a prepared object in the stored version. Raises Invalid with every finding; gives the
resource's warnings to the client when there is none.
"""

from __future__ import annotations

from collections.abc import Iterable

from kapiserver.api.call import Call
from kapiserver.api.metadata import check_metadata, check_update, finalizer_warnings
from kapiserver.errors import Cause, Invalid
from kapiserver.resources.definition import Object, WriteContext


def check_create(call: Call, obj: Object, write: WriteContext) -> None:
    validate = call.scope.strategy.validate_create
    causes = _common(call, obj)
    if validate is not None:
        causes += validate(obj, write)
    _conclude(call, obj, write, causes)


def check_changed(call: Call, obj: Object, old: Object, write: WriteContext) -> None:
    validate = call.scope.strategy.validate_update
    causes = [*_common(call, obj), *check_update(obj["metadata"], old["metadata"])]
    if validate is not None:
        causes += validate(obj, write)
    _conclude(call, obj, write, causes)


def _common(call: Call, obj: Object) -> list[Cause]:
    scope = call.scope
    causes = check_metadata(
        obj["metadata"],
        namespaced=scope.definition.namespaced,
        name_rule=scope.name_rule,
        own_finalizers=not (scope.is_custom or scope.definition.any_finalizers),
    )
    return causes if scope.strategy.complete_rules else causes + scope.missing_fields(obj)


def _conclude(call: Call, obj: Object, write: WriteContext, causes: Iterable[Cause]) -> None:
    # the schema and a resource's rules may find the same required field
    unique = list(dict.fromkeys(causes))
    if unique:
        name = obj["metadata"].get("name", "")
        raise Invalid.of(call.scope.group, call.scope.kind, name, unique)
    if call.scope.is_custom:
        before = {} if write.old is None else write.old["metadata"]
        for text in finalizer_warnings(obj["metadata"], before):
            call.context.warn(text)
    warnings = call.scope.strategy.warnings
    if warnings is not None:
        for text in warnings(obj, write):
            call.context.warn(text)
