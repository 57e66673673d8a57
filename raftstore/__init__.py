"""raftstore: a replicated, transactional key-value store inside your trio program.

Keys and values are bytes, every change has a revision, and a write that was acknowledged is on
disk on a majority of the nodes. `open_store` runs one node; `Store` is what to do with it;
DESIGN.md in this folder says why it is built as it is.
"""

from raftstore.config import StoreConfig
from raftstore.errors import (
    Closed,
    Compacted,
    CorruptLog,
    FutureRevision,
    InvalidRequest,
    MembershipError,
    NewerFormat,
    NoLeader,
    NoSpace,
    Overloaded,
    Refused,
    RequestTooLarge,
    StorageError,
    StoreError,
    TransportError,
    Unknown,
)
from raftstore.raft.config import RaftConfig
from raftstore.store import NodeStatus, PeerInfo, Store, open_store
from raftstore.transport import JoinRefused, TlsFiles, TransportLimits, pin_of, request_join
from raftstore.types import (
    Compare,
    Delete,
    DeleteResult,
    Event,
    KeyValue,
    Member,
    Op,
    OpResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    TxnResult,
    prefix_end,
)

__all__ = [
    "Closed",
    "Compacted",
    "Compare",
    "CorruptLog",
    "Delete",
    "DeleteResult",
    "Event",
    "FutureRevision",
    "InvalidRequest",
    "JoinRefused",
    "KeyValue",
    "Member",
    "MembershipError",
    "NewerFormat",
    "NoLeader",
    "NoSpace",
    "NodeStatus",
    "Op",
    "OpResult",
    "Overloaded",
    "PeerInfo",
    "Put",
    "PutResult",
    "RaftConfig",
    "Range",
    "RangeResult",
    "Refused",
    "RequestTooLarge",
    "StorageError",
    "Store",
    "StoreConfig",
    "StoreError",
    "TlsFiles",
    "TransportError",
    "TransportLimits",
    "TxnResult",
    "Unknown",
    "open_store",
    "pin_of",
    "prefix_end",
    "request_join",
]
