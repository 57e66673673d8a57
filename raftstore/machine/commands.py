"""The commands that the replicated log carries, and their encoding.

In: payloads (named tuples) with a proposal id. Out: bytes for the log; and back. A command is one
format byte followed by msgpack `[proposal id, kind, fields…]`. Whatever arrives is checked here
down to the last field, so that the machine never meets a value of a wrong type: a command that
breaks the schema decodes to an `InvalidRequest`, the same one on every node.

The encoding is part of the log format: a field or kind that old nodes do not know needs a new
format byte, or nodes of two versions would disagree about what the log means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgpack

from raftstore.errors import InvalidRequest, NewerFormat
from raftstore.types import Compare, CompareOperator, CompareTarget, Delete, Op, Put, Range

COMMAND_FORMAT: Final = 1
# First bytes that later formats may take. Such a command was written by a newer node: skipping it
# would make this node's state differ, so the node has to stop instead.
_LATER_FORMATS: Final = range(COMMAND_FORMAT + 1, 32)

PROPOSAL_ID_BYTES: Final = 16  # session (8, random per node start) + sequence (u64, big endian)
MAX_INT: Final = (1 << 63) - 1


class Txn(NamedTuple):
    """If all of `compare` hold do `success`, else `failure`, as one step."""

    compare: Sequence[Compare] = ()
    success: Sequence[Op] = ()
    failure: Sequence[Op] = ()


class Compact(NamedTuple):
    """Forget what was superseded at `revision` or before."""

    revision: int


class LeaseGrant(NamedTuple):
    """Create lease `id` (chosen by the proposer, at least 1) with `ttl` seconds to live."""

    id: int
    ttl: int


class LeaseKeepAlive(NamedTuple):
    """Start the life of lease `id` anew."""

    id: int


class LeaseRevoke(NamedTuple):
    """Remove lease `id` and delete every key that is attached to it."""

    id: int


class SetAlarm(NamedTuple):
    """Refuse writes that need space until `ClearAlarm`."""


class ClearAlarm(NamedTuple):
    """Accept writes again (if the quota is still exceeded the next put raises the alarm again)."""


class SetQuota(NamedTuple):
    """Change the size limit on all nodes at the same point of the log; 0 means no limit."""

    quota_bytes: int


class Noop(NamedTuple):
    """Changes nothing."""


Payload: TypeAlias = (
    Txn
    | Compact
    | LeaseGrant
    | LeaseKeepAlive
    | LeaseRevoke
    | SetAlarm
    | ClearAlarm
    | SetQuota
    | Noop
)

_KIND_TXN: Final = 1
_KINDS: Final[dict[int, type[Payload]]] = {
    _KIND_TXN: Txn,
    2: Compact,
    3: LeaseGrant,
    4: LeaseKeepAlive,
    5: LeaseRevoke,
    6: SetAlarm,
    7: ClearAlarm,
    8: SetQuota,
    9: Noop,
}
_KIND_OF: Final = {payload: kind for kind, payload in _KINDS.items()}

_TARGETS: Final[tuple[CompareTarget, ...]] = ("version", "create", "mod", "value", "lease")
_TARGET_CODE: Final = {name: code for code, name in enumerate(_TARGETS)}
_TARGET_VALUE: Final = _TARGET_CODE["value"]
_OPERATORS: Final[tuple[CompareOperator, ...]] = ("=", "!=", "<", ">")
_OPERATOR_CODE: Final = {name: code for code, name in enumerate(_OPERATORS)}

_OP_PUT: Final = 1
_OP_DELETE: Final = 2
_OP_RANGE: Final = 3
_OP_CODE: Final[dict[type[Op], int]] = {Put: _OP_PUT, Delete: _OP_DELETE, Range: _OP_RANGE}

_FORMAT_BYTE: Final = bytes((COMMAND_FORMAT,))
_pack: Final = cast(Callable[[object], bytes], msgpack.Packer(use_bin_type=True).pack)


def encode_command(proposal_id: bytes, payload: Payload) -> bytes:
    """The bytes for the log. `proposal_id` is b"" for a command that needs no deduplication."""
    if proposal_id and len(proposal_id) != PROPOSAL_ID_BYTES:
        raise InvalidRequest(f"a proposal id has {PROPOSAL_ID_BYTES} bytes or none")
    try:
        if type(payload) is Txn:
            body: tuple[object, ...] = (
                proposal_id,
                _KIND_TXN,
                [
                    (c.key, _TARGET_CODE[c.target], _OPERATOR_CODE[c.operator], c.operand)
                    for c in payload.compare
                ],
                [(_OP_CODE[type(op)], *op) for op in payload.success],
                [(_OP_CODE[type(op)], *op) for op in payload.failure],
            )
        else:
            body = (proposal_id, _KIND_OF[type(payload)], *payload)
        return _FORMAT_BYTE + _pack(body)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InvalidRequest(f"command cannot be encoded: {error!r}") from error


def decode_command(command: bytes) -> tuple[bytes, Payload | InvalidRequest]:
    """Proposal id (b"" if there is none or it is unreadable) and payload, or why it is refused."""
    if command[:1] != _FORMAT_BYTE:
        if command and command[0] in _LATER_FORMATS:
            raise NewerFormat(f"the log holds a command of format {command[0]}, newer than this")
        return b"", InvalidRequest("not a command")
    try:
        fields = msgpack.unpackb(command[1:], use_list=False, raw=False)
    except (ValueError, TypeError) as error:
        return b"", InvalidRequest(f"command is not msgpack: {type(error).__name__}")
    if type(fields) is not tuple or len(fields) < 2:
        return b"", InvalidRequest("command is not a list of proposal id, kind and fields")
    proposal_id, kind = fields[0], fields[1]
    if type(proposal_id) is not bytes or len(proposal_id) not in (0, PROPOSAL_ID_BYTES):
        return b"", InvalidRequest("bad proposal id")
    try:
        if kind == _KIND_TXN:
            return proposal_id, _txn(fields)
        return proposal_id, _plain(kind, fields)
    except InvalidRequest as error:
        # Stored and handed on as a value: it must not carry frames along.
        return proposal_id, error.with_traceback(None)


def _plain(kind: object, fields: tuple[Any, ...]) -> Payload:
    payload = _KINDS.get(kind) if type(kind) is int else None
    if payload is None:
        raise InvalidRequest("unknown kind of command")
    numbers = fields[2:]
    if len(numbers) != len(payload._fields):
        raise InvalidRequest(f"{payload.__name__} has {len(payload._fields)} fields")
    for number in numbers:
        _check_int(number)
    return payload(*numbers)


def _txn(fields: tuple[Any, ...]) -> Txn:
    if len(fields) != 5:
        raise InvalidRequest("a transaction has compare, success and failure")
    _, _, compare, success, failure = fields
    if not (type(compare) is type(success) is type(failure) is tuple):
        raise InvalidRequest("compare, success and failure are lists")
    if len(success) == 1 and not failure and len(compare) <= 1:
        # The common guarded write: one operation cannot collide with another.
        op = _op(success[0])
        return Txn((_compare(compare[0]),) if compare else (), (op,), ())
    txn = Txn(
        tuple([_compare(item) for item in compare]),
        tuple([_op(item) for item in success]),
        tuple([_op(item) for item in failure]),
    )
    _check_written_once(txn.success)
    _check_written_once(txn.failure)
    return txn


def _compare(item: Any) -> Compare:
    if type(item) is not tuple or len(item) != 4:
        raise InvalidRequest("a compare is key, target, operator and operand")
    key, target, operator, operand = item
    if type(key) is not bytes or not key:
        raise InvalidRequest("compare: bad key")
    if type(target) is not int or not 0 <= target < len(_TARGETS):
        raise InvalidRequest("compare: unknown target")
    if type(operator) is not int or not 0 <= operator < len(_OPERATORS):
        raise InvalidRequest("compare: unknown operator")
    if target == _TARGET_VALUE:
        if type(operand) is not bytes:
            raise InvalidRequest("compare: a value is compared with bytes")
    elif type(operand) is not int or not 0 <= operand <= MAX_INT:
        raise InvalidRequest("compare: a number is compared with a number")
    return Compare(key, _TARGETS[target], _OPERATORS[operator], operand)


def _op(item: Any) -> Op:
    if type(item) is not tuple or len(item) < 3:
        raise InvalidRequest("an operation is a code and its fields")
    code, key = item[0], item[1]
    if type(code) is not int or type(key) is not bytes:
        raise InvalidRequest("operation: bad code or key")
    if code == _OP_PUT and len(item) == 5:
        _, _, value, lease, stamp = item
        if not key:
            raise InvalidRequest("put: the key is empty")
        if type(value) is not bytes:
            raise InvalidRequest("put: the value is not bytes")
        if type(lease) is not int or not 0 <= lease <= MAX_INT:
            raise InvalidRequest("put: bad lease")
        if type(stamp) is not int or not -1 <= stamp <= len(value):
            raise InvalidRequest("put: the stamp lies outside of the value")
        return Put(key, value, lease, stamp)
    if code == _OP_DELETE and len(item) == 3:
        end = _check_end(item[2])
        if not key and end is None:
            raise InvalidRequest("delete: the key is empty")
        return Delete(key, end)
    if code == _OP_RANGE and len(item) == 4:
        return Range(key, _check_end(item[2]), _check_int(item[3]))
    raise InvalidRequest("unknown operation")


def _check_int(number: Any) -> int:
    if type(number) is not int or not 0 <= number <= MAX_INT:
        raise InvalidRequest("a number is missing or out of range")
    return number


def _check_end(end: Any) -> bytes | None:
    if end is not None and type(end) is not bytes:
        raise InvalidRequest("the end of a range is neither bytes nor missing")
    return end


def _check_written_once(ops: Sequence[Op]) -> None:
    """All writes of a transaction share a revision, so a key can be written only once in it."""
    spans: list[tuple[bytes, bytes]] = []
    for op in ops:
        if type(op) is Put:
            spans.append((op.key, op.key + b"\0"))
        elif type(op) is Delete:
            end = op.key + b"\0" if op.end is None else op.end
            if not end or op.key < end:
                spans.append((op.key, end))
    spans.sort()
    for (_, end), (following, _) in pairwise(spans):
        if not end or following < end:
            raise InvalidRequest("a key is written twice in one transaction")
