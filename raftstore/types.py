"""The vocabulary of the store: what callers pass in and get back.

The model is etcd's (https://etcd.io/docs/v3.6/learning/api/): keys and values are bytes, one global
revision counts the transactions that changed something, and every key knows the revision that
created it, the one that last changed it, and how often it was changed since (version).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias


class KeyValue(NamedTuple):
    """One version of one key. A deleted key is a `KeyValue` with version 0 and an empty value."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


class Event(NamedTuple):
    """One change: `kv` is the new version (version 0: deleted), `prev` what it replaced."""

    kv: KeyValue
    prev: KeyValue | None

    @property
    def is_delete(self) -> bool:
        return self.kv.version == 0

    @property
    def is_create(self) -> bool:
        return self.kv.version == 1


CompareTarget: TypeAlias = Literal["version", "create", "mod", "value", "lease"]
CompareOperator: TypeAlias = Literal["=", "!=", "<", ">"]


class Compare(NamedTuple):
    """A guard of a transaction; a missing key has version, create and mod 0 and the value b""."""

    key: bytes
    target: CompareTarget
    operator: CompareOperator
    operand: int | bytes


class Put(NamedTuple):
    """Write `value` under `key`.

    `stamp` >= 0: when the command is applied, the new mod revision is inserted into the value as
    decimal ASCII at this byte offset (FoundationDB calls it a versionstamp). All nodes insert the
    same revision, so the stored bytes can be sent to readers as they are.
    """

    key: bytes
    value: bytes
    lease: int = 0
    stamp: int = -1


class Delete(NamedTuple):
    """Delete `key`, or with `end` every key in [key, end)."""

    key: bytes
    end: bytes | None = None


class Range(NamedTuple):
    """Read `key`, or with `end` the keys in [key, end); `limit` 0 means all."""

    key: bytes
    end: bytes | None = None
    limit: int = 0


Op: TypeAlias = Put | Delete | Range


class PutResult(NamedTuple):
    kv: KeyValue  # as stored, stamp included
    prev: KeyValue | None


class DeleteResult(NamedTuple):
    deleted: tuple[KeyValue, ...]  # the versions that were deleted


class RangeResult(NamedTuple):
    """`revision` is the store's revision at which the range was read; `total` ignores the limit."""

    kvs: Sequence[KeyValue]
    revision: int
    total: int
    more: bool


OpResult: TypeAlias = PutResult | DeleteResult | RangeResult


class TxnResult(NamedTuple):
    """`revision` is the store's revision after the transaction (unchanged if it wrote nothing)."""

    succeeded: bool
    results: tuple[OpResult, ...]
    revision: int


class Member(NamedTuple):
    """A node of the cluster as the log knows it. `address` is host:port of its raft transport."""

    node_id: str
    address: str
    learner: bool = False
    meta: tuple[tuple[str, str], ...] = ()  # free for the layer above, e.g. (("url", "https://…"),)


def prefix_end(prefix: bytes) -> bytes:
    """The smallest key greater than every key that starts with `prefix` (b"" means: no end)."""
    for i in range(len(prefix) - 1, -1, -1):
        if prefix[i] < 0xFF:
            return prefix[:i] + bytes((prefix[i] + 1,))
    return b""
