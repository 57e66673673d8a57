"""The words that raft nodes exchange: one table, type by type, field by field.

In: nothing. Out: `SCHEMA`, which a transport checks before it hands a message over, and the
version of this vocabulary. A message is a dict; `type` says which row of the table it obeys, and
`v` is the version its sender speaks. No field is optional: absence is a broken peer.

Which messages wait for the disk is said here too (`GATED`), because it is a property of what a
message reveals: an acknowledgement or a vote speaks about state that must survive a power loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Message: TypeAlias = dict[str, Any]
Kinds: TypeAlias = tuple[type, ...]

PROTOCOL_VERSION: Final = 1

_INT: Final[Kinds] = (int,)
_STR: Final[Kinds] = (str,)
_BYTES: Final[Kinds] = (bytes,)
_BOOL: Final[Kinds] = (bool,)
_TUPLE: Final[Kinds] = (tuple,)

_LOG_END: Final = {"last_log_index": _INT, "last_log_term": _INT}

_FIELDS: Final[dict[str, dict[str, Kinds]]] = {
    # Replication. `entries` are (index, term, command); `round` is the newest read round.
    "append_entries": {
        "term": _INT,
        "prev_index": _INT,
        "prev_term": _INT,
        "entries": _TUPLE,
        "commit_index": _INT,
        "round": _INT,
    },
    # ok: `index` is the last entry known to be equal to the leader's.
    # not ok: `rejected` is the prev_index that did not fit, `index` where to try next.
    "append_reply": {"term": _INT, "ok": _BOOL, "index": _INT, "rejected": _INT, "round": _INT},
    "round_reply": {"term": _INT, "round": _INT},
    # Elections. A pre-vote carries the term its sender would campaign in.
    "pre_vote": {"term": _INT, **_LOG_END},
    "pre_vote_reply": {"term": _INT},
    "request_vote": {"term": _INT, "transfer": _BOOL, **_LOG_END},
    "response_vote": {"term": _INT},
    "stale_term": {"term": _INT},
    "timeout_now": {"term": _INT},
    # Requests of a node to the leader, and the leader's answers.
    "propose": {"request": _INT, "command": _BYTES},
    "propose_refused": {"request": _INT, "reason": _STR, "text": _STR},
    "read_request": {"request": _INT},
    "read_reply": {"request": _INT, "index": (int, type(None))},
    "change_members": {"request": _INT, "kind": _STR, "member": _TUPLE},
    "change_reply": {"request": _INT, "reason": _STR, "text": _STR},
    "transfer_request": {"to": (str, type(None))},
    # A node that is no longer a member is told so, and by which configuration.
    "removed": {"index": _INT},
    # Snapshots. `meta` is (cluster_id, index, term, members, revision, state_hash, size).
    "snapshot_chunk": {
        "term": _INT,
        "meta": _TUPLE,
        "offset": _INT,
        "data": _BYTES,
        "crc": _INT,
        "round": _INT,
    },
    "snapshot_reply": {
        "term": _INT,
        "index": _INT,
        "offset": _INT,
        "failed": _BOOL,
        "round": _INT,
    },
}

SCHEMA: Final[Mapping[str, Mapping[str, Kinds]]] = {
    kind: {"v": _INT, **fields} for kind, fields in _FIELDS.items()
}

GATED: Final = frozenset(
    {
        "append_reply",
        "pre_vote_reply",
        "request_vote",
        "response_vote",
        "stale_term",
        "snapshot_reply",
    }
)
