"""Objects that a schema lets through and nobody would write: sparse, huge, wrong in a field.

In: the schemas that the server decodes with, and a seed. Out: values for any place in an object,
made at random or by changing one place of an object that was fine. Words come from what a field's
description names, so that rules behind a type or a mode are reached, and from what parsers of
addresses, patterns, URLs, times and numbers stumble over.
"""

from __future__ import annotations

import copy
import random
import re
from functools import cache
from typing import Any

from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import JSON_SCHEMA_PROPS, Form, Node

MAX_DEPTH = 9

ORDINARY = (
    *("", "a", "A", "a-b", "cpu", "memory", "storage", "v1", "v1beta1", "Ready", "True", "0"),
    *("*", "**", "10.0.0.1", "fe80::1", "10.0.0.0/8", "fd00::/8", "25%", "a.example.com", "c"),
    *("example.com/a", "kubernetes.io/hostname", "https://example.com/x?a=b", "/x", "a=b", "every"),
    *("None", "Always", "requests.cpu", "count/pods", "pods", "tcp", "UTC", "self.a == 1", "true"),
    *("60 * * * *", "*/5 * * * *", "@every 1h", "CREATE", "get", "system:masters", "1", "80"),
)
STRANGE = (
    *(" ", ".", "..", "/", "//", "a/", "/a", "a/b/c", "-", "-1", "+1", "_", ":", "::", ":::", "@"),
    *("\x00", "\n", "\t", "a\nb", "\x7f", "é", "ß", "\U0001f600", "\u0130", "\u2028", "\ufeff"),
    *(
        "²",
        "٣",
        "१२",
        "1_0",
        "0x10",
        "010",
        "1e999",
        "-0",
        "9" * 40,
        "0" * 400,
        "9" * 5000,
        "x" * 300,
    ),
    *("1.2.3", "1.2.3.4.5", "010.0.0.1", "1.2.3.4/33", "1.2.3.4/", "/8", "fe80::1%eth0", "::/129"),
    *(
        "::ffff:1.2.3.4",
        "[::1]",
        "1.2.3.4:80",
        "²/²",
        "٣%",
        "9" * 5000 + "%",
        "1.2.3.4/" + "9" * 5000,
        "%",
        "%%",
        "-1%",
        "1%%",
        "²%",
    ),
    *(
        "http://",
        "http://[",
        "https://[::1",
        "https://a:b@c:²",
        "https://x:99999/",
        "%zz",
        "?",
        "#",
    ),
    *("(", "[", "(?P<", "(?", "[a-", "a{99999}", "\\", "\\p{", "(?i)a", "$(A", "$(A)", "$$(A)"),
    *("1-", "-", "1/0", "*/0", "* * * *", "* * * * * *", "TZ=x * * * * *", "@every -1h", "@x"),
    *("@every 1e9h", "5-1 * * * *", "*/99999999999 * * * *", "² * * * *", "{", "{}", "[]", "null"),
    *("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", "-----BEGIN", "====", "=a"),
    *("self.", "self", "a" * 64, "a" * 254, "a." * 200, "x/" * 50, "sha256:", "v²", "v1²", "v0"),
)
WHOLE = (
    *(-1, 0, 1, 2, 3, 30, 80, 100, 101, 255, 256, 511, 512, 32767, 65535, 65536, 70000),
    *(2**31 - 1, -(2**31), 10**9, 2**53 + 1, 2**63 - 1, -(2**63)),
)
AMOUNTS = (
    *("0", "1", "-1", "100m", "1Gi", "1n", "-1n", "9223372036854775807", "8Ei", "1e3", "1e-9"),
    *("-9223372036854775807", "999m", "1500m", "5k", "12e6", "3Ki", "123456789012345678"),
)
SHARES = ("25%", "150%", "9" * 5000 + "%", "9" * 5000, "http", "²%", "", "%")
TIMES = ("2026-11-22T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
PACKED = ("", "YQ==", "/w==", "AAAA", "LS0tLS1CRUdJTg==", "eyJhdXRocyI6e319", "bnVsbA==", "W10=")
FREE = (None, True, 0, 1.5, "", "a", [], [1], {}, {"a": {"b": [None]}}, {"type": "string"}, 2**62)

# quoted, or written as the names of choices are
_NAMED = re.compile(r'[`"\'“]([A-Za-z][\w./*-]{0,40})[`"\'”]|\b([A-Z][A-Za-z]{2,30})\b')


@cache
def words_of(description: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(quoted or named for quoted, named in _NAMED.findall(description)))


class Maker:
    """Makes values at random. The same seed makes the same values."""

    def __init__(self, schemas: SchemaSet, seed: int) -> None:
        self.random = random.Random(seed)
        self._schemas = schemas

    def object(self, definition: str) -> Any:
        """An object of a definition, few fields at a time."""
        return self._struct(definition, self._schemas.node(definition), 0)

    def changed(self, definition: str, obj: Any) -> Any:
        """A copy of an object that differs in one place, or in a few."""
        made = copy.deepcopy(obj)
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            self._change(definition, self._schemas.node(definition), made, 0)
        return made

    # --- one place of an object that is there -----------------------------------------------

    def _change(self, definition: str, node: Node, value: Any, depth: int) -> None:
        if isinstance(value, list) and node.form is Form.LIST and node.item is not None:
            self._change_list(definition, node.item, value, depth)
        elif isinstance(value, dict) and node.form is Form.MAP and node.item is not None:
            if value and self.random.random() < 0.4:
                value.pop(self.random.choice(list(value)))
            else:
                value[self.word("")] = self.value(node.item, depth + 1)
        elif isinstance(value, dict) and node.form is Form.STRUCT:
            self._change_struct(definition, node, value, depth)

    def _change_struct(
        self, definition: str, node: Node, value: dict[str, Any], depth: int
    ) -> None:
        chance = self.random
        inside = [name for name in value if name in node.fields]
        deeper = [name for name in inside if isinstance(value[name], dict | list) and value[name]]
        if deeper and chance.random() < 0.75:
            name = chance.choice(deeper)
            below = node.fields[name]
            if below.form is Form.REF:
                self._change(below.ref, self._schemas.node(below.ref), value[name], depth + 1)
            else:
                self._change(definition, below, value[name], depth + 1)
        elif inside and chance.random() < 0.25:
            value.pop(chance.choice(inside))
        elif node.fields:
            name = chance.choice(inside if inside and chance.random() < 0.4 else list(node.fields))
            said = self._descriptions(definition).get(name, "")
            value[name] = self.value(node.fields[name], depth + 5, said)

    def _change_list(self, definition: str, item: Node, value: list[Any], depth: int) -> None:
        chance = self.random
        if not value or chance.random() < 0.2:
            value.append(self.value(item, depth + 5))
        elif chance.random() < 0.15:
            value.append(copy.deepcopy(chance.choice(value)))
        elif chance.random() < 0.1:
            value.pop(chance.randrange(len(value)))
        else:
            at = chance.randrange(len(value))
            if not isinstance(value[at], dict | list):
                value[at] = self.value(item, depth + 1)
            elif item.form is Form.REF:
                self._change(item.ref, self._schemas.node(item.ref), value[at], depth + 1)
            else:
                self._change(definition, item, value[at], depth + 1)

    # --- anything for a place ---------------------------------------------------------------

    def value(self, node: Node, depth: int, said: str = "") -> Any:
        """A value that fits. `said`: what the description of the field is."""
        chance = self.random
        match node.form:
            case Form.REF:
                return self._struct(node.ref, self._schemas.node(node.ref), depth)
            case Form.STRUCT:
                return self._struct("", node, depth)
            case Form.LIST if node.item is not None:
                size = 0 if depth > MAX_DEPTH else chance.choice((0, 1, 1, 1, 2, 3))
                return [self.value(node.item, depth + 1, said) for _ in range(size)]
            case Form.MAP if node.item is not None:
                size = 0 if depth > MAX_DEPTH else chance.choice((0, 1, 2))
                return {self.word(said): self.value(node.item, depth + 1) for _ in range(size)}
            case Form.STRING:
                return self.word(said)
            case Form.BOOL:
                return chance.random() < 0.5
            case Form.INT32:
                return chance.choice([each for each in WHOLE if -(2**31) <= each < 2**31])
            case Form.INT64:
                return chance.choice(WHOLE)
            case Form.FLOAT:
                return chance.choice([*WHOLE, 0.5, -1e308, 1e-300])
            case Form.BYTES:
                return chance.choice(PACKED)
            case Form.TIME:
                return chance.choice(TIMES)
            case Form.MICRO_TIME:
                return chance.choice(TIMES).replace("Z", ".000000Z")
            case Form.QUANTITY:
                return chance.choice(AMOUNTS)
            case Form.INT_OR_STRING:
                return chance.choice([0, 1, -1, 80, 2**31 - 1, *SHARES])
            case Form.OBJECT:
                return copy.deepcopy(chance.choice([each for each in FREE if type(each) is dict]))
            case Form.ANY:
                return copy.deepcopy(chance.choice(FREE[1:]))
            case Form.SCHEMA_OR_ARRAY | Form.SCHEMA_OR_BOOL | Form.SCHEMA_OR_STRINGS:
                return self._schema_or(node.form, depth)
        raise AssertionError(f"no values for {node.form}")

    def word(self, said: str) -> str:
        chance, named = self.random, words_of(said)
        if named and chance.random() < 0.6:
            return chance.choice(named)
        return chance.choice(ORDINARY if chance.random() < 0.6 else STRANGE)

    def _schema_or(self, form: Form, depth: int) -> Any:
        chance = self.random
        if form is Form.SCHEMA_OR_BOOL and chance.random() < 0.5:
            return chance.random() < 0.5
        if form is Form.SCHEMA_OR_STRINGS and chance.random() < 0.5:
            return [self.word("") for _ in range(chance.randint(0, 2))]
        schema = self._struct(JSON_SCHEMA_PROPS, self._schemas.node(JSON_SCHEMA_PROPS), depth + 1)
        return [schema] if form is Form.SCHEMA_OR_ARRAY and chance.random() < 0.3 else schema

    def _struct(self, definition: str, node: Node, depth: int) -> Any:
        if node.form is not Form.STRUCT:
            return self.value(node, depth)
        chance, said = self.random, self._descriptions(definition)
        share = (0.7, 0.6, 0.5)[depth] if depth < 3 else min(0.3, 3 / (len(node.fields) or 1))
        if depth > MAX_DEPTH:
            share = 0.0
        return {
            name: self.value(field, depth + 1, said.get(name, ""))
            for name, field in node.fields.items()
            if chance.random() < (share or (name in node.required))
            or (name in node.required and depth <= MAX_DEPTH and chance.random() < 0.8)
        }

    def _descriptions(self, definition: str) -> dict[str, str]:
        return _described(self._schemas, definition) if definition else {}


@cache
def _described(schemas: SchemaSet, definition: str) -> dict[str, str]:
    properties = schemas.definition(definition).get("properties", {})
    return {name: field.get("description", "") for name, field in properties.items()}
