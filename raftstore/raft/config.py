"""Every limit and every period of the raft core, in one frozen value.

In: what the operator or a test chose. Out: a checked `RaftConfig`. Times are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RaftConfig:
    # time
    heartbeat: float = 0.05
    election_min: float = 0.3
    election_max: float = 0.6
    leader_fallback: float = 0.6  # a leader that a quorum did not answer for so long steps down
    request_timeout: float = 1.0  # a forwarded read or change without an answer is given up
    # replication
    append_bytes: int = 512 * 1024  # one append_entries message
    append_entries: int = 1024
    inflight_entries: int = 8192  # sent to one follower and not acknowledged yet
    inflight_bytes: int = 8 * 1024 * 1024
    apply_batch: int = 512  # entries applied per tick, so that one tick stays short
    # proposals
    command_bytes: int = 8 * 1024 * 1024
    uncommitted_entries: int = 16384  # beyond these the leader refuses proposals
    uncommitted_bytes: int = 64 * 1024 * 1024
    forwarded_requests: int = 16384
    waiting_reads: int = 65536
    # snapshots
    snapshot_entries: int = 50_000  # applied entries since the last snapshot
    snapshot_bytes: int = 256 * 1024 * 1024  # of log since the last snapshot
    snapshot_chunk: int = 128 * 1024  # written per step
    transfer_chunk: int = 256 * 1024  # one snapshot_chunk message
    transfer_window: int = 8  # chunks in flight to one follower
    # membership
    promote_lag: int = 1000  # a learner may be so many entries behind when it is promoted

    def __post_init__(self) -> None:
        if not 0 < self.heartbeat * 3 < self.election_min < self.election_max:
            raise ValueError("need heartbeat * 3 < election_min < election_max")
        if self.leader_fallback < self.election_min:
            raise ValueError("leader_fallback must not be shorter than election_min")
        for name in self.__slots__:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        for name in ("append_bytes", "append_entries", "apply_batch", "transfer_window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive")
