"""The quick question: is this object as its types want it, with nothing to report?

In: nodes. Out: functions of one value that answer True or False, without paths. Nearly every object
passes, so this is what a write costs; for those that do not, `repair` walks again and says why.
What Go leaves out when it is zero (`shapes`) is no fault: with `tidy` the functions take it out as
they go, so that absent and zero are the same from there on; without, they change nothing.
Functions are made once per definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kapiserver.resources.schema.formats import (
    ZERO_TIMES,
    FormatProblem,
    canonical_micro_time,
    is_base64,
    is_plain_time,
    is_written_whole,
    stored_quantity,
)
from kapiserver.resources.schema.nodes import JSON_SCHEMA_PROPS, Form, Node
from kapiserver.resources.schema.shapes import Shape

if TYPE_CHECKING:
    from kapiserver.resources.schema.schemaset import SchemaSet

Check = Callable[[Any], bool]
# What a field may be: exactly this type, or whatever passes the function.
Rule = type | Check

_NIL = (Form.LIST, Form.MAP, Form.BYTES)


class FastChecks:
    """Makes the rules of one schema set."""

    def __init__(self, schemas: SchemaSet, *, tidy: bool) -> None:
        self._schemas = schemas
        self._tidy = tidy
        self._structs: dict[str, Check] = {}

    def definition(self, name: str) -> Check:
        """The check of a whole definition; its fields are compiled when first met."""
        found = self._structs.get(name)
        if found is None:
            node = self._schemas.node(name)
            found = self._structs[name] = _check(self._rule(node))
        return found

    def _rule(self, node: Node) -> Rule:
        simple = _SIMPLE.get(node.form)
        if simple is not None:
            return simple
        match node.form:
            case Form.REF:
                return self._reference(node.ref)
            case Form.MAP if node.item is not None:
                return _map(self._rule(node.item))
            case Form.LIST if node.item is not None:
                return _list(self._rule(node.item))
            case Form.STRUCT:
                rules = {name: self._rule(field) for name, field in node.fields.items()}
                if node.preserve:
                    return _open_struct(rules)
                if self._tidy and any(f.shape is not Shape.KEPT for f in node.fields.values()):
                    return _tidy_struct(rules, frozenset(_omitted(node)))
                return _struct(rules)
            case Form.SCHEMA_OR_ARRAY:
                one = self._reference(JSON_SCHEMA_PROPS)
                return lambda value: one(value) or (type(value) is list and all(map(one, value)))
            case Form.SCHEMA_OR_BOOL:
                one = self._reference(JSON_SCHEMA_PROPS)
                return lambda value: type(value) is bool or one(value)
            case Form.SCHEMA_OR_STRINGS:
                one = self._reference(JSON_SCHEMA_PROPS)
                strings = _list(str)
                return lambda value: strings(value) or one(value)
        raise AssertionError(f"no rule for {node.form}")

    def _reference(self, name: str) -> Check:
        """Compiled when first called: definitions refer to each other in circles."""
        made = self._structs.get(name)
        if made is not None:
            return made
        target: Check | None = None

        def check(value: Any) -> bool:
            nonlocal target
            if target is None:
                target = self.definition(name)
            return target(value)

        return check


def _check(rule: Rule) -> Check:
    if isinstance(rule, type):
        wanted = rule
        return lambda value: type(value) is wanted
    return rule


def _struct(rules: Mapping[str, Rule]) -> Check:
    find = rules.get

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for key, below in value.items():
            rule = find(key)
            if rule is type(below):
                continue
            if rule is None or isinstance(rule, type) or not rule(below):
                return False
        return True

    return check


def _omitted(node: Node) -> Iterator[str]:
    """The fields that mean the same when they are absent and when they are empty.

    A list that is always written is one of them: empty or absent, it is null in the end.
    """
    for name, field in node.fields.items():
        if field.shape is Shape.OMITTED or (field.shape is Shape.ALWAYS and field.form in _NIL):
            yield name


def _tidy_struct(rules: Mapping[str, Rule], omitted: frozenset[str]) -> Check:
    """The check of a struct that exists in Go: nulls and zero values go, if that is all."""
    find = rules.get

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return False
        gone: list[str] | None = None
        for key, below in value.items():
            rule = find(key)
            if rule is not type(below) and (
                rule is None or isinstance(rule, type) or not rule(below)
            ):
                if below is not None or rule is None:
                    return False
            elif below or key not in omitted:
                continue
            if gone is None:
                gone = [key]
            else:
                gone.append(key)
        if gone is not None:
            for key in gone:
                del value[key]
        return True

    return check


def _open_struct(rules: Mapping[str, Rule]) -> Check:
    """Fields that are not listed may hold anything."""
    checks = {name: _check(rule) for name, rule in rules.items()}

    def check(value: Any) -> bool:
        return type(value) is dict and all(
            below is not None and (key not in checks or checks[key](below))
            for key, below in value.items()
        )

    return check


def _map(rule: Rule) -> Check:
    if isinstance(rule, type):
        only = frozenset({rule})
        return lambda value: type(value) is dict and only.issuperset(map(type, value.values()))
    return lambda value: type(value) is dict and all(map(rule, value.values()))


def _list(rule: Rule) -> Check:
    if isinstance(rule, type):
        only = frozenset({rule})
        return lambda value: type(value) is list and only.issuperset(map(type, value))
    return lambda value: type(value) is list and all(map(rule, value))


def _int32(value: Any) -> bool:
    return type(value) is int and -0x8000_0000 <= value <= 0x7FFF_FFFF


def _int64(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _float(value: Any) -> bool:
    return type(value) is int or (type(value) is float and not is_written_whole(value))


def _bytes(value: Any) -> bool:
    return type(value) is str and is_base64(value)


def _time(value: Any) -> bool:
    return type(value) is str and is_plain_time(value)


def _micro_time(value: Any) -> bool:
    try:
        return (
            type(value) is str and canonical_micro_time(value) == value and value not in ZERO_TIMES
        )
    except FormatProblem:
        return False


def _quantity(value: Any) -> bool:
    try:
        return type(value) is str and stored_quantity(value) == value
    except FormatProblem:
        return False


def _int_or_string(value: Any) -> bool:
    return type(value) is str or _int32(value)


def _anything(value: Any) -> bool:
    return value is not None


_SIMPLE: Mapping[Form, Rule] = {
    Form.STRING: str,
    Form.BOOL: bool,
    Form.OBJECT: dict,
    Form.INT32: _int32,
    Form.INT64: _int64,
    Form.FLOAT: _float,
    Form.BYTES: _bytes,
    Form.TIME: _time,
    Form.MICRO_TIME: _micro_time,
    Form.QUANTITY: _quantity,
    Form.INT_OR_STRING: _int_or_string,
    Form.ANY: _anything,
}
