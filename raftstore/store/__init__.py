"""The trio side of raftstore: one running node and its public face."""

from raftstore.store.hashes import Diverged
from raftstore.store.opening import open_store
from raftstore.store.status import NodeStatus, PeerInfo
from raftstore.store.store import Store

__all__ = ["Diverged", "NodeStatus", "PeerInfo", "Store", "open_store"]
