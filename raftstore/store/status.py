"""What one node says about itself, for people and for metrics."""

from __future__ import annotations

from typing import NamedTuple

from raftstore.types import Member


class PeerInfo(NamedTuple):
    """Another member. `match` and `lag` (in log entries) are known on the leader, else -1."""

    node_id: str
    connected: bool
    match: int
    lag: int
    queued_bytes: int
    error: str  # why there is no link; "" if there is one


class NodeStatus(NamedTuple):
    node_id: str
    cluster_id: str
    role: str  # leader, follower, candidate or learner
    leader_id: str | None
    term: int
    commit_index: int
    applied_index: int
    last_index: int
    revision: int
    compact_revision: int
    hash_index: int  # the state hash belongs to this applied index
    state_hash: str
    agreed_index: int  # the newest index at which a majority had the same hash
    db_size: int
    wal_size: int
    snapshot_index: int
    members: tuple[Member, ...]
    peers: tuple[PeerInfo, ...]
    proposals: int  # of this node, without a result yet
    watchers: int
    log_syncs: int
