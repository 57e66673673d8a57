"""The raft core: deterministic, synchronous, without a clock, a network or a disk of its own.

pysyncobj's SyncObj supplies when elections happen, the rules for votes, how a node becomes
leader, the commit rule and when a membership change may begin; the rooms here replace what loses
data and add what it lacks. `core` is the face, `stock` is where SyncObj is taken in.
"""

import raftstore.raft.arrival  # noqa: F401 - before any other room imports pysyncobj
from raftstore.raft.config import RaftConfig
from raftstore.raft.configurations import MemberChange, Members
from raftstore.raft.core import RaftCore
from raftstore.raft.jobs import Job
from raftstore.raft.messages import PROTOCOL_VERSION, SCHEMA, Message

__all__ = [
    "PROTOCOL_VERSION",
    "SCHEMA",
    "Job",
    "MemberChange",
    "Members",
    "Message",
    "RaftConfig",
    "RaftCore",
]
