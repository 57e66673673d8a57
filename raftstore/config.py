"""Everything that a caller decides about one node, checked when it is made.

In: who the node is, where its files and certificates are, bounds and periods. Out: a frozen
`StoreConfig`. Times are in seconds. What must be the same on all nodes is marked; the rest may
differ from node to node and from start to start.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from raftstore.raft.config import RaftConfig
from raftstore.transport import JoinHandler, TlsFiles, TransportLimits
from raftstore.types import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    node_id: str
    cluster_id: str  # the same on all nodes; any text, best made of random bytes
    data_dir: str | os.PathLike[str]

    # Only for a first start; later the log knows. A new cluster: all its members, the same on all
    # of them. A node that joins a cluster: empty, and a member has to add it as a learner.
    members: tuple[Member, ...] = ()

    # host:port to listen on; by default the address of this node in `members`. A cluster of one
    # node that never gets a second needs none.
    listen: str | None = None
    tls: TlsFiles | None = None
    plaintext: bool = False  # no TLS, loopback only: for tests
    on_join: JoinHandler | None = None  # answers join requests; None: they are refused

    raft: RaftConfig = field(default_factory=RaftConfig)
    transport: TransportLimits = field(default_factory=TransportLimits)

    quota_bytes: int = 2 << 30  # size of all readable versions; 0: no limit; same on all nodes
    max_command_bytes: int = 4 << 20  # one transaction, encoded
    max_proposals: int = 8192  # of this node without a result; more are refused
    max_readers: int = 65536  # read barriers waiting for confirmation
    max_watchers: int = 100_000

    compact_age: float = 300.0  # the leader compacts history older than this; 0: whatever its age
    compact_revisions: int = 200_000  # and at most so many revisions of it are kept
    compact_interval: float = 10.0
    hash_interval: float = 5.0  # how often nodes tell each other the hash of their state

    def __post_init__(self) -> None:
        if not self.node_id or not self.cluster_id:
            raise ValueError("a node needs a node id and a cluster id")
        ids = [member.node_id for member in self.members]
        if len(set(ids)) != len(ids):
            raise ValueError("two members have the same node id")
        if ids and self.node_id not in ids:
            raise ValueError(f"{self.node_id} is not among the members; to join, give no members")
        if self.tls is not None and self.plaintext:
            raise ValueError("either tls or plaintext, not both")
        if self.tls is None and not self.plaintext and (self.listen or ids != [self.node_id]):
            raise ValueError("a cluster of several nodes needs tls")
        if self.max_command_bytes > min(self.raft.command_bytes, self.transport.max_frame // 2):
            raise ValueError("max_command_bytes must fit into raft.command_bytes and a frame")

    def listen_address(self) -> str | None:
        """Where to listen; None for a node that has no use for a transport."""
        if self.tls is None and not self.plaintext:
            return None
        own = [m.address for m in self.members if m.node_id == self.node_id]
        address = self.listen or (own[0] if own else None)
        if not address:
            raise ValueError(f"{self.node_id} needs an address to listen on")
        return address
