"""What applying a command yields, and how results are kept in a snapshot.

In: results of the machine. Out: plain msgpack-able tuples, and back. Refusals are kept as a code
and a detail, never as exception objects: those would carry frames and tracebacks along.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from raftstore.errors import (
    Compacted,
    FutureRevision,
    InvalidRequest,
    NoSpace,
    StoreError,
    Unknown,
)
from raftstore.types import (
    DeleteResult,
    Event,
    KeyValue,
    OpResult,
    PutResult,
    RangeResult,
    TxnResult,
)


class LeaseResult(NamedTuple):
    """The lease after a grant or keep-alive; `ttl` 0: it was revoked."""

    id: int
    ttl: int
    revision: int


class CompactResult(NamedTuple):
    compact_revision: int
    revision: int


class AlarmResult(NamedTuple):
    """The space alarm after a command: "" (none), "quota" or "operator"; and the size limit."""

    alarm: str
    quota_bytes: int
    size_bytes: int


class NoopResult(NamedTuple):
    revision: int


Success: TypeAlias = TxnResult | LeaseResult | CompactResult | AlarmResult | NoopResult
Result: TypeAlias = Success | StoreError


class Applied(NamedTuple):
    """The effect of one log entry.

    `proposal_id` is None when the command had none (or was unreadable). `events` all have the
    revision `revision`; they are empty when nothing changed. `duplicate`: this proposal was
    applied before; `result` is the first result, or `Unknown` if that is no longer kept.
    """

    proposal_id: bytes | None
    result: Result
    events: tuple[Event, ...]
    revision: int
    duplicate: bool = False


_SUCCESS: Final[dict[int, type[Success]]] = {
    2: LeaseResult,
    3: CompactResult,
    4: AlarmResult,
    5: NoopResult,
}
_SUCCESS_CODE: Final = {kind: code for code, kind in _SUCCESS.items()}
_TXN: Final = 1
_REFUSED: Final = 0
_REFUSALS: Final[dict[int, type[StoreError]]] = {
    1: InvalidRequest,
    2: NoSpace,
    3: Compacted,
    4: FutureRevision,
    5: Unknown,
}
_REFUSAL_CODE: Final = {kind: code for code, kind in _REFUSALS.items()}
_PUT, _DELETE, _RANGE = 1, 2, 3


class Refusal(NamedTuple):
    """A refusal as it is kept: the code of its class and its detail."""

    code: int
    detail: str | int


Outcome: TypeAlias = Success | Refusal


def outcome_of(result: Result) -> Outcome:
    """The form in which a result is kept: free of exception objects."""
    if type(result) is TxnResult or not isinstance(result, StoreError):
        return result
    code = _REFUSAL_CODE[type(result)]
    if isinstance(result, Compacted):
        return Refusal(code, result.compact_revision)
    if isinstance(result, FutureRevision):
        return Refusal(code, result.current)
    return Refusal(code, str(result))


def result_of(outcome: Outcome) -> Result:
    """The result that `outcome` stands for; a refusal becomes a fresh exception object."""
    if not isinstance(outcome, Refusal):
        return outcome
    kind: Any = _REFUSALS[outcome.code]
    refusal: StoreError = kind(outcome.detail)
    return refusal


def outcome_size(outcome: Outcome) -> int:
    """An estimate of the bytes that an outcome keeps in memory."""
    size = 64
    if type(outcome) is TxnResult:
        for result in outcome.results:
            if type(result) is PutResult:
                kv, prev = result
                size += 64 + len(kv[0]) + len(kv[1])
                if prev is not None:
                    size += _version_size(prev)
            elif not isinstance(result, PutResult):
                versions = result.kvs if isinstance(result, RangeResult) else result.deleted
                size += 64 + sum([_version_size(kv) for kv in versions])
    return size


def _version_size(kv: KeyValue) -> int:
    return 64 + len(kv.key) + len(kv.value)


def pack_outcome(outcome: Outcome) -> tuple[Any, ...]:
    if isinstance(outcome, Refusal):
        return (_REFUSED, *outcome)
    if isinstance(outcome, TxnResult):
        results = [_pack_op(result) for result in outcome.results]
        return (_TXN, outcome.succeeded, results, outcome.revision)
    kind: Any = type(outcome)
    return (_SUCCESS_CODE[kind], *outcome)


def unpack_outcome(fields: tuple[Any, ...]) -> Outcome:
    """The reverse of `pack_outcome`. Raises KeyError, TypeError or ValueError for other input."""
    code, *rest = fields
    if code == _REFUSED:
        kind, detail = rest
        if kind not in _REFUSALS:
            raise ValueError("unknown refusal")
        return Refusal(kind, detail)
    if code == _TXN:
        succeeded, results, revision = rest
        return TxnResult(succeeded, tuple([_unpack_op(item) for item in results]), revision)
    success: Any = _SUCCESS[code]
    made: Success = success(*rest)
    return made


def _pack_op(result: OpResult) -> tuple[Any, ...]:
    if isinstance(result, PutResult):
        return (_PUT, *result)
    if isinstance(result, DeleteResult):
        return (_DELETE, *result)
    return (_RANGE, tuple(result.kvs), result.revision, result.total, result.more)


def _unpack_op(fields: tuple[Any, ...]) -> OpResult:
    code, *rest = fields
    if code == _PUT:
        kv, prev = rest
        return PutResult(KeyValue(*kv), None if prev is None else KeyValue(*prev))
    if code == _DELETE:
        (deleted,) = rest
        return DeleteResult(tuple([KeyValue(*kv) for kv in deleted]))
    if code == _RANGE:
        kvs, revision, total, more = rest
        return RangeResult(tuple([KeyValue(*kv) for kv in kvs]), revision, total, more)
    raise ValueError("unknown operation result")
