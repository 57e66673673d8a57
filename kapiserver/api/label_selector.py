"""Label selectors: `a=b,c!=d,e in (x,y),f notin (),g,!h,n>3`.

In: the text of `?labelSelector=`. Out: `LabelSelector`, a callable on a label mapping that the
storage runs over thousands of objects: requirements are compiled to closures once. Raises
`SelectorError` with the wording of k8s.io/apimachinery/pkg/labels; nothing else may fail.

Grammar (the keywords `in` and `notin` are also good values):

    selector    = [ requirement { "," requirement } ]
    requirement = [ "!" ] KEY | KEY operator VALUE | KEY ("in" | "notin") "(" values ")"
    values      = VALUE { "," VALUE }
    operator    = "=" | "==" | "!=" | ">" | "<"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kapiserver.api.content import label_value, qualified_name
from kapiserver.api.go_text import quoted

Match = Callable[[Mapping[str, str]], bool]

_SPACE = " \t\r\n"
_SPECIAL = "=!(),><"
_OPERATORS = ("=", "==", "!=", ">", "<", "in", "notin")
_END = ""  # the token after the last one; no real token is empty


class SelectorError(Exception):
    """The selector's text is not a selector; the message is for the client."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition. `operator` is `in`, `notin`, `exists`, `!`, `>`, `<` or one of the equalities;
    `values` are sorted and unique."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        joined = ",".join(self.values)
        if self.operator in ("in", "notin"):
            return f"{self.key} {self.operator} ({joined})"
        return f"{self.key}{self.operator}{joined}"


class LabelSelector:
    """A compiled selector; call it with labels. `expression` is its canonical text."""

    __slots__ = ("_tests", "expression", "requirements")

    def __init__(self, requirements: tuple[Requirement, ...]) -> None:
        self.requirements = requirements
        self.expression = ",".join(str(r) for r in requirements)
        self._tests = tuple(_compile(r) for r in requirements)

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return all(test(labels) for test in self._tests)

    def __bool__(self) -> bool:
        return bool(self.requirements)


def parse_labels(text: str) -> LabelSelector:
    parser = _Parser(_tokens(text))
    return LabelSelector(tuple(sorted(parser.selector(), key=lambda r: r.key)))


def _tokens(text: str) -> list[str]:
    """Words and operators. Operators are read greedily, so `!=` and `==` are one token each."""
    out: list[str] = []
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        if char in _SPACE:
            at += 1
        elif char in _SPECIAL:
            size = 2 if text[at : at + 2] in ("==", "!=") else 1
            out.append(text[at : at + size])
            at += size
        else:
            start = at
            while at < end and text[at] not in _SPACE and text[at] not in _SPECIAL:
                at += 1
            out.append(text[start:at])
    out.append(_END)
    return out


def _is_word(token: str) -> bool:
    return bool(token) and token[0] not in _SPECIAL


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _next(self) -> str:
        token = self._tokens[self._at]
        if token != _END:
            self._at += 1
        return token

    def selector(self) -> list[Requirement]:
        out: list[Requirement] = []
        while True:
            token = self._peek()
            if token == _END:
                return out
            if not (_is_word(token) or token == "!"):
                raise SelectorError(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                out.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            token = self._next()
            if token == _END:
                return out
            if token != ",":
                raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
            token = self._peek()
            if not (_is_word(token) or token == "!"):
                raise SelectorError(f"found '{token}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        negated = self._peek() == "!"
        if negated:
            self._next()
        key = self._next()
        if not _is_word(key):
            raise SelectorError(f"found '{key}', expected: identifier")
        problems = qualified_name(key)
        if problems:
            raise SelectorError(f"<nil>: Invalid value: {quoted(key)}: {'; '.join(problems)}")
        if negated:
            return Requirement(key, "!")
        if self._peek() in (_END, ","):
            return Requirement(key, "exists")
        operator = self._next()
        if operator not in _OPERATORS:
            expected = "in, notin, =, ==, !=, gt, lt"
            raise SelectorError(f"found '{operator}', expected: {expected}")
        if operator in ("in", "notin"):
            values = self._values()
        else:
            values = {self._exact_value()}
        return _checked(key, operator, tuple(sorted(values)))

    def _exact_value(self) -> str:
        if self._peek() in (_END, ","):
            return ""
        token = self._next()
        if not _is_word(token):
            raise SelectorError(f"found '{token}', expected: identifier")
        return token

    def _values(self) -> set[str]:
        token = self._next()
        if token != "(":
            raise SelectorError(f"found '{token}' expected: '('")
        values: set[str] = set()
        value = ""
        while True:
            token = self._next()
            if token in (",", ")"):
                values.add(value)  # nothing between two separators is the empty value
                value = ""
                if token == ")":
                    return values
            elif _is_word(token):
                if self._peek() not in (",", ")"):
                    raise SelectorError(f"found '{self._peek()}', expected: ',' or ')'")
                value = token
            else:
                raise SelectorError(f"found '{token}', expected: ',', ')' or identifier")


def _checked(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    """All that is wrong with the values, as Go prints one error or several."""
    found: list[str] = []
    for index, value in enumerate(values):
        if operator in (">", "<") and _integer(value) is None:
            found.append(
                f"values[{index}]: Invalid value: {quoted(value)}: "
                "for 'Gt', 'Lt' operators, the value must be an integer"
            )
        if problems := label_value(value):
            found.append(
                f"values[{index}][{key}]: Invalid value: {quoted(value)}: {'; '.join(problems)}"
            )
    if found:
        raise SelectorError(found[0] if len(found) == 1 else f"[{', '.join(found)}]")
    return Requirement(key, operator, values)


def _integer(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 63 else None


def _compile(requirement: Requirement) -> Match:
    key, operator, values = requirement.key, requirement.operator, requirement.values
    if operator == "exists":
        return lambda labels: key in labels
    if operator == "!":
        return lambda labels: key not in labels
    if operator in (">", "<"):
        return _compile_order(key, operator, values[0])
    if len(values) == 1:
        (only,) = values
        if operator in ("=", "==", "in"):
            return lambda labels: labels.get(key) == only
        return lambda labels: labels.get(key) != only
    allowed = frozenset(values)
    if operator == "in":
        return lambda labels: labels.get(key) in allowed
    return lambda labels: labels.get(key) not in allowed


def _compile_order(key: str, operator: str, text: str) -> Match:
    bound = _integer(text) or 0

    def test(labels: Mapping[str, str]) -> bool:
        number = _integer(labels.get(key, ""))
        if number is None:
            return False
        return number > bound if operator == ">" else number < bound

    return test
