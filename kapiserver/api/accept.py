"""Accept headers, read as kube-apiserver's libraries read them, oddities included.

In: the header as it came. Out: its clauses in the order in which they are tried, and whether the
router lets a request through at all. Pure; real clients send a handful of different headers, so
parsed ones are remembered.

Two readers look at the header, one after the other. The router of built-in resources compares bare
media types: `application/*` and `q` mean nothing to it. The negotiation behind it knows ranges,
weights and parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from kapiserver.errors import NotAcceptable
from kapiserver.remembering import remembered

_ANY = "*"
_SORTED_BY_INSERTION = 12


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of an Accept header: `application/json;as=Table;q=0.5`."""

    kind: str
    subtype: str
    quality: float
    parameters: tuple[tuple[str, str], ...] = ()

    def covers(self, media_type: str) -> bool:
        kind, _, subtype = media_type.partition("/")
        if self.kind == _ANY:
            return self.subtype == _ANY
        return self.kind == kind and self.subtype in (subtype, _ANY)

    def parameter(self, name: str) -> str:
        return dict(self.parameters).get(name, "")


@remembered(512)
def clauses(header: bytes) -> tuple[Clause, ...]:
    """The clauses of a header, best first; what is no media type is left out."""
    found = [_clause(part) for part in header.decode("latin-1").split(",") if part]
    return tuple(_sorted([clause for clause in found if clause is not None]))


def _clause(text: str) -> Clause | None:
    media_type, _, rest = text.strip(" ").partition(";")
    kind, _, subtype = media_type.partition("/")
    kind = kind.strip(" ")
    if not subtype and kind == _ANY:
        subtype = _ANY
    if not subtype or "/" in subtype:
        return None
    quality = 1.0
    parameters: dict[str, str] = {}
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        if not value or "=" in value:
            continue
        if (name := name.strip(" ")) == "q":
            quality = _weight(value)
        else:
            parameters[name] = value.strip(" ")
    return Clause(kind, subtype.strip(" "), quality, tuple(parameters.items()))


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _sorted(found: list[Clause]) -> list[Clause]:
    """Insertion sort, as Go's for short slices: the order below is no order (a range of a higher
    weight and a type of a lower one both come before each other), so the algorithm decides. Nobody
    has a use for long ones, which would take the square of their length."""
    if len(found) > _SORTED_BY_INSERTION:
        return sorted(found, key=lambda c: (-c.quality, c.kind == _ANY, c.subtype == _ANY))
    for start in range(1, len(found)):
        at = start
        while at and _before(found[at], found[at - 1]):
            found[at], found[at - 1] = found[at - 1], found[at]
            at -= 1
    return found


def _before(one: Clause, other: Clause) -> bool:
    return (
        one.quality > other.quality
        or (one.kind != _ANY and other.kind == _ANY)
        or (one.subtype != _ANY and other.subtype == _ANY)
    )


class NotRouted(NotAcceptable):
    """The router has no route for what is accepted."""

    empty_details = True

    def __init__(self, produced: tuple[str, ...]) -> None:
        super().__init__(f"406: Not Acceptable\n\nAvailable representations: {', '.join(produced)}")


def check_routed(header: bytes | None, produced: tuple[str, ...]) -> None:
    """NotRouted if none of the media types that a route produces is named."""
    if not is_routed(header, produced):
        raise NotRouted(produced)


def is_routed(header: bytes | None, produced: tuple[str, ...]) -> bool:
    return not header or _names_one_of(header, produced)


@remembered(512)
def _names_one_of(header: bytes, produced: tuple[str, ...]) -> bool:
    named = {part.partition(";")[0].strip(" ") for part in header.decode("latin-1").split(",")}
    return "*/*" in named or not named.isdisjoint(produced)
