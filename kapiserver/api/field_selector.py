"""Field selectors: `metadata.name=x,status.phase!=Running`.

In: the text of `?fieldSelector=` and the field labels that a resource supports. Out:
`FieldSelector`, a callable on a mapping of field values, plus the name and namespace that it pins
down (a list of one name is a get in disguise). Raises `FieldSelectorError` with upstream's wording.
A comma, an equals sign or a backslash in a value is escaped with a backslash.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from kapiserver.resources.field_errors import shown

Term = tuple[str, bool, str]  # field label, equal (False: must differ), value


class FieldSelectorError(Exception):
    """Not a selector, or it names a field that cannot be selected on."""


class FieldSelector:
    """A compiled selector; call it with the field values of an object."""

    __slots__ = ("_equal", "_unequal", "expression", "terms")

    def __init__(self, terms: tuple[Term, ...]) -> None:
        self.terms = terms
        self.expression = ",".join(
            f"{label}{'=' if equal else '!='}{_escape(value)}" for label, equal, value in terms
        )
        self._equal = tuple((label, value) for label, equal, value in terms if equal)
        self._unequal = tuple((label, value) for label, equal, value in terms if not equal)

    def __call__(self, fields: Mapping[str, str]) -> bool:
        for label, value in self._equal:
            if fields.get(label, "") != value:
                return False
        return all(fields.get(label, "") != value for label, value in self._unequal)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def exact(self, label: str) -> str:
        """The one value that a field must have, or "" when it is not pinned down."""
        for known, value in self._equal:
            if known == label:
                return value
        return ""


def parse_fields(text: str, known: Container[str], refusal: str) -> FieldSelector:
    """`known` holds the labels of the resource, `refusal` what is said of any other {label}.

    What cannot be read is found first.
    """
    terms = parse_terms(text)
    for label, _, _ in terms:
        if label not in known:
            raise FieldSelectorError(refusal.format(label=label, quoted=shown(label)))
    return FieldSelector(terms)


def parse_terms(text: str) -> tuple[Term, ...]:
    """The terms of a selector of any resource, in the order of their text."""
    terms: list[Term] = []
    for part in sorted(_split(text)):
        if not part:
            continue
        label, operator, raw = _cut(part)
        if not operator:
            raise FieldSelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        terms.append((label, operator != "!=", _unescape(raw)))
    return tuple(terms)


def _split(text: str) -> list[str]:
    """At commas, but not at escaped ones."""
    parts: list[str] = []
    start = at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == ",":
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return parts


def _cut(part: str) -> tuple[str, str, str]:
    """The first operator wins: label, operator, the rest."""
    for at in range(len(part)):
        for operator in ("!=", "==", "="):
            if part.startswith(operator, at):
                return part[:at], operator, part[at + len(operator) :]
    return part, "", ""


def _unescape(value: str) -> str:
    if "\\" not in value and "=" not in value:
        return value
    out: list[str] = []
    at = 0
    while at < len(value):
        char = value[at]
        if char == "\\":
            escaped = value[at + 1 : at + 2]
            if escaped not in ("\\", ",", "="):
                raise FieldSelectorError(
                    f"invalid field selector: invalid escape sequence: \\{escaped}"
                )
            out.append(escaped)
            at += 2
            continue
        if char == "=":
            raise FieldSelectorError(
                f"invalid field selector: unescaped character in value: {ord(char)}"
            )
        out.append(char)
        at += 1
    return "".join(out)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
