"""The validator of one definition.

In: a decoded object. Out: the object as typed decoding would leave it, and `Findings`. What it does
not do: required fields (`required`), rules of a kind, defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kapiserver.resources.schema.fastcheck import FastChecks
from kapiserver.resources.schema.reading import TOO_DEEP, read_json
from kapiserver.resources.schema.repair import Refused, Repair
from kapiserver.resources.schema.repeats import first_of_each, merged, read_pairs
from kapiserver.resources.schema.required import missing_fields
from kapiserver.resources.schema.strictness import strict_findings

if TYPE_CHECKING:
    from kapiserver.errors import Cause
    from kapiserver.resources.schema.complete import Completions, Mode
    from kapiserver.resources.schema.schemaset import SchemaSet

OnUnknown = Literal["prune", "collect"]


class Findings(NamedTuple):
    """`error`: text of a decode error (the object is unusable), or empty.

    `unknown`: JSON paths of fields that were dropped, at most 100, with `on_unknown="collect"`.
    """

    error: str = ""
    unknown: tuple[str, ...] = ()


CLEAN = Findings()


class Compiled:
    """Made once per definition by `SchemaSet.validator`."""

    __slots__ = ("_completions", "_fast", "_plain", "_schemas", "name")

    def __init__(
        self,
        schemas: SchemaSet,
        tidying: FastChecks,
        plain: FastChecks,
        completions: Completions,
        name: str,
    ) -> None:
        self.name = name
        self._schemas = schemas
        self._fast = tidying.definition(name)
        self._plain = plain
        self._completions = completions

    def check(self, obj: Any, *, on_unknown: OnUnknown = "prune") -> Findings:
        """Bring the object to the schema, in place, and report.

        Unknown fields and nulls are dropped in either mode, as typed decoding does; "collect"
        also says which fields. Quantities, times and base64 get their canonical form. So does
        what is zero or empty: where Go would not write it, it is gone.
        """
        try:
            if self._fast(obj):
                return CLEAN
            walk = Repair(self._schemas)
            walk.value(obj, self._schemas.node(self.name), "")
            self._fast(obj)
        except Refused as refusal:
            return Findings(str(refusal))
        except RecursionError:  # only definitions that contain themselves can be nested so deep
            return Findings(TOO_DEEP)
        return Findings(unknown=tuple(walk.unknown) if on_unknown == "collect" else ())

    def strict_findings(self, body: bytes) -> list[str]:
        """`unknown field "spec.x"`, `duplicate field "spec.y"`: all in a JSON body, in order."""
        return strict_findings(self._schemas, self._schemas.node(self.name), body)

    def with_repeats(self, body: bytes) -> tuple[Any, str]:
        """The value of a JSON body in which keys come twice (see `repeats`), and what is wrong
        with values that do not count in the end: Go refuses them all the same.
        """
        try:
            pairs = read_pairs(body)
            first = first_of_each(pairs)
            problem = self.check(first).error
            return merged(self._schemas, self._schemas.node(self.name), pairs), problem
        except (ValueError, RecursionError):
            return read_json(body), ""  # deeper than this reader goes: the last one counts

    def is_clean(self, obj: Any) -> bool:
        """True when there is nothing to report and nothing to bring into canonical form.

        Changes nothing. Zero values are no fault, nulls are.
        """
        return self._plain.definition(self.name)(obj)

    def complete(self, obj: dict[str, Any], mode: Mode) -> None:
        """Add or take out what Go always writes, in place: see `complete`."""
        self._completions.definition(self.name)(obj, mode)

    def required(self, obj: dict[str, Any]) -> list[Cause]:
        """`spec.selector: Required value`, for each required field that is absent or empty."""
        return missing_fields(self._schemas, self._schemas.node(self.name), obj)
