"""What happened in a run: every operation, watch event, node state and fault, as JSON lines.

One record per line, in the order in which things ended; the first line is the header. Times are
microseconds since the start of the run, on one clock (all clients live in one process). The file
is all that the checker sees: `python -m chaos check FILE` comes to the same verdict again.

A record never changes after it was written, and nothing is written about the future: an operation
is recorded when its outcome is known, or when the client gave up on it (unknown).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import orjson

FORMAT = 1

Action = Literal["create", "update", "delete", "get", "list"]
Outcome = Literal["ok", "fail", "unknown"]
WRITES: frozenset[str] = frozenset(("create", "update", "delete"))


class HistoryError(Exception):
    """The file is not a history, or one of a newer format."""


@dataclass(frozen=True, slots=True)
class Header:
    scenario: str = ""
    seed: int = 0
    nodes: tuple[str, ...] = ()
    seconds: float = 0.0
    started: str = ""  # wall clock, for people
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Op:
    """One request. `fail` means that it certainly had no effect; `unknown` that it may have.

    `guard` is the revision that an update or delete was conditioned on. `revision` is what was
    written or read: 0 stands for "no object"; for a list it is the list's own. `write` is the
    unique id that a create or update puts into the object, or that a get found there. `items` is
    what a list showed: (key, revision, write). `reason` of a failure is one of `conflict`,
    `exists`, `absent` (each says something about the key), else free text.
    """

    id: int
    client: str
    node: str
    action: Action
    key: str
    invoke: int
    complete: int
    outcome: Outcome
    status: int = 0
    guard: int = 0
    revision: int = 0
    write: str = ""
    reason: str = ""
    final: bool = False
    items: tuple[tuple[str, int, str], ...] = ()

    def brief(self) -> Op:
        """Without a list's items: a hundred keys are no help to whoever reads a violation."""
        return replace(self, items=()) if self.items else self


@dataclass(frozen=True, slots=True)
class WatchStart:
    """A watch that delivers what comes after `start`; `resumes` names the one that it continues."""

    id: int
    client: str
    node: str
    start: int
    at: int
    resumes: int = 0


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK (which has no key)."""

    watch: int
    type: str
    revision: int
    at: int
    key: str = ""
    write: str = ""


@dataclass(frozen=True, slots=True)
class WatchEnd:
    """`caught_up`: it was open, and had been given time, when the last write was long done; so it
    must have delivered everything up to revision `upto`."""

    watch: int
    at: int
    why: str
    caught_up: bool = False
    upto: int = 0


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node said about itself; `final` after everything had come to rest."""

    node: str
    at: int
    role: str
    leader: str
    term: int
    applied: int
    index: int
    hash: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that began (`phase` start) or ended (end). `detail` says what exactly was done."""

    id: int
    name: str
    target: str
    phase: Literal["start", "end"]
    at: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Something that had to come to an end within a deadline and did not (`not-recovered`), or a
    node that failed though nothing was done to it (`node-failed`)."""

    at: int
    what: str
    rule: str = "not-recovered"


Record = Header | Op | WatchStart | WatchEvent | WatchEnd | NodeState | Fault | Stuck
_KINDS: dict[str, type[Record]] = {
    "header": Header,
    "op": Op,
    "watch": WatchStart,
    "event": WatchEvent,
    "watch-end": WatchEnd,
    "state": NodeState,
    "fault": Fault,
    "stuck": Stuck,
}
_NAMES: dict[type, str] = {kind: name for name, kind in _KINDS.items()}
_FIELDS = {kind: tuple((f.name, f.default) for f in fields(kind)) for kind in _NAMES}


def encode(record: Record) -> bytes:
    """One line; fields that have their default are left out."""
    line: dict[str, Any] = {"kind": _NAMES[type(record)]}
    for name, default in _FIELDS[type(record)]:
        value = getattr(record, name)
        if value != default:
            line[name] = value
    return orjson.dumps(line) + b"\n"


def decode(line: bytes) -> Record:
    """Raises HistoryError."""
    try:
        values = orjson.loads(line)
        kind = _KINDS[values.pop("kind")]
        if "items" in values:
            values["items"] = tuple(
                (key, revision, write) for key, revision, write in values["items"]
            )
        if "nodes" in values:
            values["nodes"] = tuple(values["nodes"])
        return kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HistoryError(f"not a record: {line[:80]!r}") from error


@dataclass(slots=True)
class History:
    """All records, by kind."""

    header: Header = field(default_factory=Header)
    ops: list[Op] = field(default_factory=list)
    watches: dict[int, WatchStart] = field(default_factory=dict)
    events: dict[int, list[WatchEvent]] = field(default_factory=dict)
    ends: dict[int, WatchEnd] = field(default_factory=dict)
    states: list[NodeState] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)

    def add(self, record: Record) -> None:
        match record:
            case Op():
                self.ops.append(record)
            case WatchEvent():
                self.events.setdefault(record.watch, []).append(record)
            case WatchStart():
                self.watches[record.id] = record
                self.events.setdefault(record.id, [])
            case WatchEnd():
                self.ends[record.watch] = record
            case NodeState():
                self.states.append(record)
            case Fault():
                self.faults.append(record)
            case Stuck():
                self.stuck.append(record)
            case Header():
                self.header = record

    @classmethod
    def of(cls, records: Iterable[Record]) -> History:
        history = cls()
        for record in records:
            history.add(record)
        return history


class HistoryWriter:
    """Appends records to a file and keeps them for the checker and the report."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.history = History(header)
        self._file: IO[bytes] = path.open("wb", buffering=1 << 16)
        self._file.write(encode(header))

    def add(self, record: Record) -> None:
        self.history.add(record)
        self._file.write(encode(record))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read(path: Path) -> Iterator[Record]:
    """The records of a file. Raises HistoryError, OSError."""
    with path.open("rb") as file:
        first = decode(file.readline())
        if not isinstance(first, Header):
            raise HistoryError(f"{path} does not begin with a header")
        if first.format > FORMAT:
            raise HistoryError(f"{path} has format {first.format}; this program reads {FORMAT}")
        yield first
        for line in file:
            yield decode(line)


def load(path: Path) -> History:
    return History.of(read(path))
