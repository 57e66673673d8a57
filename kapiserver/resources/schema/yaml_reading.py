"""YAML bodies to the JSON that upstream's YAML reader (goyaml v2) makes of them.

In: bytes. Out: the value of the first document, and the keys that a map has twice, with their
lines (the last one counts); or `Unreadable` with the text of that reader. Most documents go through
a fast reader of YAML 1.2. Large ones, and what that reads otherwise than YAML 1.1 (`yes`, `0644`,
`1_000`, `<<`, tags) or refuses, go event by event through a slow one, which also knows what is
wrong and where.
"""

from __future__ import annotations

import binascii
import json
import math
import re
import struct
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import ryaml

from kapiserver.resources.schema.reading import MAX_DUPLICATES, TOO_DEEP, Unreadable

MAX_LEVELS = 250  # of maps and lists within each other
# What the fast reader takes for nested flow collections grows with the square of their depth, and
# it looks at the depth when it is through. The slow one stops where it is too deep.
_FAST_BRACKETS = 2000
# It also keeps all others waiting until it is through: beyond this size the slow one is used, event
# by event. It is not even slower where little but text makes a document large.
MAX_FAST = 128 << 10
_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
# Beyond this size, a document that consists of little but repeated aliases is an attack. The size
# of a text is one for each so many characters.
_ALIASED_SMALL = 1000
_ALIASED_MAX = 100_000
_ALIASED_CHARACTERS = 32
_MAX_SIZE = 250_000  # for the slow reader: about a second
_MAX_DIGITS = 400  # beyond these, a whole number is not even a float

# What the fast reader must not get: words and numbers of YAML 1.1, tags, and aliases, of which it
# makes as many copies as there are. Also found in comments and in text, where it only costs time.
_FOR_THE_SLOW_READER = re.compile(
    rb"(?<![\w./\"'+-])(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|[-+]?0[0-9_]+"
    rb"|[-+.0-9]+_[0-9_.]*)(?=[\s,\]}:]|$)|<<|(?:^|\s)!"
    rb"|(?:^|[\s\[{,])\*[^\s*\]},]"
    rb"|(?:[tT]rue|TRUE|[fF]alse|FALSE)\s*:"
)


class YamlDocument(NamedTuple):
    """`repeated`: `line 3: key "a" already set in map` for each key that comes again."""

    value: Any
    repeated: tuple[str, ...]


def read_yaml(body: bytes) -> YamlDocument:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("yaml: control characters are not allowed") from None
    if len(body) > MAX_FAST:
        return read_yaml_slowly(text)
    brackets = body.count(b"[") + body.count(b"{")
    if brackets <= _FAST_BRACKETS and _FOR_THE_SLOW_READER.search(body) is None:
        try:
            return YamlDocument(_json_value(ryaml.loads(text)), ())
        except ValueError:
            pass  # a key twice, more than one document, or an error that goyaml words otherwise
    return read_yaml_slowly(text)


def _json_value(value: Any) -> Any:
    match value:
        case dict():
            return {_key(key): _json_value(below) for key, below in value.items()}
        case list():
            return [_json_value(item) for item in value]
        case float():
            return _number(value)
    return value


def _number(value: float) -> int | float:
    if not math.isfinite(value):
        shown = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}[str(value)]
        raise Unreadable(f"json: unsupported value: {shown}")
    # `1.0` in YAML is 1 in the JSON that upstream makes of it; to us, as long as 64 bits hold it
    return int(value) if value.is_integer() and _SMALLEST <= value < _LARGEST else value


def _key(key: Any) -> str:
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int():
            return str(key)
        case float():
            return _float_key(key)
    raise Unreadable("yaml: unsupported key: only strings, numbers and booleans can be keys")


def _float_key(key: float) -> str:
    """As upstream writes a number that is a key: with what a float of 32 bits remembers of it."""
    if not math.isfinite(key) or abs(key) > _LARGEST_FLOAT32:
        return ".nan" if math.isnan(key) else ".inf" if key > 0 else "-.inf"
    (wanted,) = _FLOAT32.unpack(_FLOAT32.pack(key))
    texts = (f"{wanted:.{digits}e}" for digits in range(9))
    shortest = next(
        text for text in texts if _FLOAT32.unpack(_FLOAT32.pack(float(text)))[0] == wanted
    )
    mantissa, _, exponent = shortest.partition("e")
    if -4 <= int(exponent) < 6:
        return f"{Decimal(shortest):f}"
    return f"{mantissa}e{int(exponent):+03d}"


_FLOAT32 = struct.Struct("f")
_LARGEST_FLOAT32 = 3.4028235677973362e38  # what is nearer to it than to the next one, if there were


# --- the slow reader -------------------------------------------------------------------------


def read_yaml_slowly(text: str) -> YamlDocument:
    import yaml  # type: ignore[import-untyped]  # rarely needed, and slow to load

    build = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            build.event(event)
            if build.done:
                break  # what follows the first document is not looked at
    except yaml.MarkedYAMLError as error:
        raise Unreadable(f"yaml: {_where(error)}{error.problem}") from None
    except yaml.YAMLError:
        raise Unreadable("yaml: control characters are not allowed") from None
    value = build.value
    if build.aliased:  # one copy for each place: objects are changed in place later
        value = orjson.loads(orjson.dumps(value))
    return YamlDocument(value, tuple(build.repeated))


def _where(error: Any) -> str:
    """goyaml counts lines from 0, except in what its scanner finds."""
    line = error.problem_mark.line if error.problem_mark is not None else 0
    if line:
        line += type(error).__name__ == "ScannerError"
    elif error.context_mark is not None:
        line = error.context_mark.line
    return f"line {line}: " if line else ""


class _Frame:
    """A map or list that is being read. `size`: of the values in it, with copies for aliases."""

    __slots__ = ("anchor", "key", "line", "merging", "size", "value")

    def __init__(self, value: Any, anchor: str | None, line: int) -> None:
        self.value = value
        self.anchor = anchor
        self.line = line
        self.key: str | None = None
        self.merging = False
        self.size = 1


class _Builder:
    """Makes a value of events, without recursion: depth costs memory, not stack."""

    def __init__(self) -> None:
        self.value: Any = None
        self.done = False
        self.aliased = False
        self.repeated: list[str] = []
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._plain = 0  # the size of the values that are no copies

    def event(self, event: Any) -> None:
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "ScalarEvent":
                value = _scalar(event, key=bool(self._open) and self._wants_key())
                size = 1 + len(event.value) // _ALIASED_CHARACTERS
                self._grow(size)
                self._anchor(event.anchor, value, size)
                self._add(value, size, line, event)
            case "AliasEvent":
                self._alias(event.anchor, line)
            case "SequenceStartEvent" | "MappingStartEvent" as name:
                if self._open and self._wants_key():
                    raise Unreadable("yaml: invalid map key: only scalars can be keys")
                if len(self._open) >= MAX_LEVELS:
                    raise Unreadable(TOO_DEEP)
                frame = _Frame([] if name == "SequenceStartEvent" else {}, event.anchor, line)
                self._open.append(frame)
            case "SequenceEndEvent" | "MappingEndEvent":
                frame = self._open.pop()
                self._grow(1)
                self._anchor(frame.anchor, frame.value, frame.size)
                self._add(frame.value, frame.size, frame.line, None)
            case "DocumentEndEvent":
                self.done = True

    def _wants_key(self) -> bool:
        frame = self._open[-1]
        return isinstance(frame.value, dict) and frame.key is None and not frame.merging

    def _anchor(self, name: str | None, value: Any, size: int) -> None:
        if name is not None:
            self._anchors[name] = value, size

    def _grow(self, size: int) -> None:
        self._plain += size
        if self._plain > _MAX_SIZE:
            raise Unreadable("yaml: document has too many values")

    def _alias(self, name: str, line: int) -> None:
        known = self._anchors.get(name)
        if known is None:
            if any(frame.anchor == name for frame in self._open):
                raise Unreadable(f"yaml: anchor '{name}' value contains itself")
            raise Unreadable(f"yaml: unknown anchor '{name}' referenced")
        self.aliased = True
        self._add(*known, line, None)

    def _add(self, value: Any, size: int, line: int, scalar: Any) -> None:
        """A value that is complete goes to where it belongs."""
        if not self._open:
            self.value = value
            return
        frame = self._open[-1]
        frame.size += size
        if frame.size > max(_ALIASED_SMALL, min(100 * self._plain, self._plain + _ALIASED_MAX)):
            raise Unreadable("yaml: document contains excessive aliasing")
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif self._wants_key():
            if scalar is not None and scalar.value == "<<" and scalar.implicit[0]:
                frame.merging = True
            else:
                frame.key = _key(value)
        elif frame.merging:
            frame.merging = False
            for base in reversed(value) if isinstance(value, list) else (value,):
                if not isinstance(base, dict):
                    raise Unreadable(
                        "yaml: map merge requires map or sequence of maps as the value"
                    )
                for key, below in base.items():
                    self._set(frame.value, key, below, line)
        else:
            key, frame.key = frame.key, None
            self._set(frame.value, key, value, line)

    def _set(self, target: dict[Any, Any], key: Any, value: Any, line: int) -> None:
        if key in target and len(self.repeated) < MAX_DUPLICATES:
            self.repeated.append(f"line {line}: key {json.dumps(key)} already set in map")
        target[key] = value


# --- scalars ---------------------------------------------------------------------------------

_WORDS: dict[str, Any] = {
    **dict.fromkeys(
        ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True
    ),
    **dict.fromkeys(
        ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False
    ),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], math.nan),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], math.inf),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -math.inf),
}
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"
_RESOLVED_TAGS = (None, "!", *(_TAG + name for name in ("bool", "int", "float", "null")))


def _scalar(event: Any, *, key: bool) -> Any:
    text: str = event.value
    if event.tag == _TAG + "binary":
        try:
            return binascii.a2b_base64(text).decode("utf-8", "replace")
        except binascii.Error:
            raise Unreadable("yaml: !!binary value contains invalid base64 data") from None
    plain = event.implicit[0] if event.tag is None else event.tag != "!"
    if not plain or event.tag not in _RESOLVED_TAGS:
        return text
    value = _resolved(text)
    return _number(value) if isinstance(value, float) and not key else value


def _resolved(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "") if text[0] != "." else text
    found = _INTEGER.fullmatch(digits) if len(digits) <= _MAX_DIGITS else None
    if found is not None:
        sign, *parts = found.groups()
        for part, base in zip(parts, (16, 2, 8, 10), strict=True):
            if part is not None:
                whole = int(sign + part, base)
                if _SMALLEST <= whole <= _LARGEST:
                    return whole
    if _FLOAT.fullmatch(digits) is not None and math.isfinite(float(digits)):
        return float(digits)
    return text
