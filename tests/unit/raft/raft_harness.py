"""Nodes under the hand of a test: ours and stock pysyncobj, messages delivered one by one.

`Node` is a RaftCore on a disk in memory; nothing is synced unless the test (or `auto_sync`) says
so, and nothing it sends goes anywhere. `Stock` is pysyncobj's SyncObj as it comes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from pysyncobj import SyncObj, SyncObjConf, replicated
from pysyncobj.node import Node as StockNode
from pysyncobj.transport import Transport

from raftstore.errors import StoreError
from raftstore.machine import Applied, Machine
from raftstore.machine.commands import Txn, encode_command
from raftstore.raft import Members, Message, RaftConfig, RaftCore
from raftstore.sim.disk import FaultyDisk
from raftstore.snapshot import SnapshotStore
from raftstore.types import Member, Put
from raftstore.wal import Wal

CLUSTER = "test"


def members(names: str, learners: str = "") -> Members:
    """members("abc", "d"): three voters and a learner."""
    return tuple(Member(name, f"{name}:1", name in learners) for name in sorted(names + learners))


def put(key: str, proposal_id: bytes = b"") -> bytes:
    return encode_command(proposal_id, Txn((), (Put(key.encode(), b"value of " + key.encode()),)))


FOUNDERS = members("abc")
CORE: list[type[RaftCore]] = [RaftCore]  # which core the nodes get; `test_mutants.py` changes it


def must_not_be_refused(error: StoreError) -> None:
    raise AssertionError(f"refused: {error}")


class Node:
    def __init__(
        self,
        node_id: str = "a",
        founders: Members = FOUNDERS,
        *,
        config: RaftConfig | None = None,
        disk: FaultyDisk | None = None,
        auto_sync: bool = True,
        connected: bool = True,
        clock: Callable[[], float] | None = None,
        margin_entries: int = 0,
    ) -> None:
        self.node_id = node_id
        self.now = 100.0
        self.auto_sync = auto_sync
        self.disk = disk if disk is not None else FaultyDisk(1)
        self.outbox: list[tuple[str, Message]] = []
        self.applied: list[tuple[int, Applied]] = []
        self.roles: list[tuple[str, int, str | None]] = []
        self.links: list[Members] = []
        self.replaced: list[Machine] = []
        self.raising: Callable[[], None] | None = None
        snapshots = SnapshotStore(self.disk, "/data/snapshots")
        latest = snapshots.latest()
        machine = Machine() if latest is None else Machine.thaw(snapshots.read(latest))
        self.core = CORE[0](
            node_id=node_id,
            cluster_id=CLUSTER,
            config=config or RaftConfig(),
            wal=Wal.open(self.disk, "/data/wal", margin_entries=margin_entries),
            snapshots=snapshots,
            machine=machine,
            members=founders,
            clock=clock or (lambda: self.now),
            rng=random.Random(node_id),
            send=self._send,
            on_applied=self._on_applied,
            on_machine_replaced=self.replaced.append,
            on_members=self.links.append,
            on_role=lambda *role: self.roles.append(role),
        )
        if connected:
            for member in founders:
                if member.node_id != node_id:
                    self.core.peer_connected(member.node_id)
        self.sync_if_automatic()

    def _send(self, peer_id: str, message: Message) -> bool:
        self.outbox.append((peer_id, message))
        return True

    def _on_applied(self, index: int, applied: Applied) -> None:
        self.applied.append((index, applied))
        if self.raising is not None:
            self.raising()

    # ---- inputs
    def sync(self) -> None:
        self.core.wal.sync()
        self.core.wal_synced()

    def sync_if_automatic(self) -> None:
        if self.auto_sync:
            self.sync()

    def tick(self, passed: float = 0.0) -> None:
        self.now += passed
        self.core.tick()
        self.sync_if_automatic()
        self.core.tick()

    def receive(self, sender: str, kind: str, **fields: Any) -> None:
        self.core.receive(sender, {"type": kind, "v": 1, **fields})
        self.sync_if_automatic()

    def propose(self, key: str, proposal_id: bytes = b"") -> list[StoreError]:
        refusals: list[StoreError] = []
        self.core.propose(put(key, proposal_id), proposal_id, refusals.append)
        self.tick()
        return refusals

    def entries(
        self,
        sender: str,
        *,
        term: int,
        prev: tuple[int, int],
        rows: Sequence[tuple[int, int]] = (),
        commit: int = 0,
        round: int = 0,
    ) -> None:
        """append_entries; `rows` are (index, term), the commands follow from them."""
        self.receive(
            sender,
            "append_entries",
            term=term,
            prev_index=prev[0],
            prev_term=prev[1],
            entries=tuple(entry(*row) for row in rows),
            commit_index=commit,
            round=round,
        )

    def acknowledge(self, sender: str, index: int, *, term: int | None = None) -> None:
        self.receive(
            sender,
            "append_reply",
            term=self.core.term if term is None else term,
            ok=True,
            index=index,
            rejected=0,
            round=0,
        )

    def campaign(self, *voters: str) -> None:
        """Let the election timeout pass; `voters` grant the pre-vote and the vote."""
        self.tick(1.0)
        for voter in voters:
            self.receive(voter, "pre_vote_reply", term=self.core.term + 1)
        self.core.tick()
        self.sync_if_automatic()
        for voter in voters:
            if self.core.role != "leader":
                self.receive(voter, "response_vote", term=self.core.term)
        self.tick()

    def lead(self, *voters: str) -> int:
        self.campaign(*voters)
        assert self.core.role == "leader", self.core.role
        return self.core.term

    # ---- outputs
    def take(self, kind: str | None = None) -> list[tuple[str, Message]]:
        taken = [item for item in self.outbox if kind is None or item[1]["type"] == kind]
        self.outbox = []
        return taken

    @property
    def log(self) -> list[tuple[int, int]]:
        wal = self.core.wal
        return [(i, wal.term(i) or 0) for i in range(wal.first_index, wal.last_index + 1)]

    def keys(self) -> list[str]:
        return [kv.key.decode() for kv in self.core.machine.range(b"\0", b"").kvs]


def entry(index: int, term: int) -> tuple[int, int, bytes]:
    return index, term, b"\x00" + put(f"{index}.{term}")


class Cluster:
    """Several nodes whose messages are delivered at once, in order, unless `lost` says no."""

    def __init__(self, names: str = "abc", **options: Any) -> None:
        self.founders = members(names)
        self.options = options
        self.nodes: dict[str, Node] = {}
        self.now = 100.0
        self.lost: Callable[[str, str, Message], bool] = lambda *_: False
        for name in names:
            self.add(name, self.founders)

    def add(self, name: str, founders: Members = (), disk: FaultyDisk | None = None) -> Node:
        node = Node(
            name, founders, disk=disk, connected=False, clock=lambda: self.now, **self.options
        )
        for other in self.nodes.values():
            other.core.peer_connected(name)
            node.core.peer_connected(other.node_id)
        self.nodes[name] = node
        return node

    def stop(self, name: str) -> Node:
        node = self.nodes.pop(name)
        for other in self.nodes.values():
            other.core.peer_disconnected(name)
        return node

    def run(self, seconds: float = 0.1, step: float = 0.01) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            for node in list(self.nodes.values()):
                node.tick()
                while node.core.snapshot_step():
                    node.sync()
            self.deliver()

    def deliver(self) -> None:
        while any(node.outbox for node in self.nodes.values()):
            for node in list(self.nodes.values()):
                for receiver, message in node.take():
                    target = self.nodes.get(receiver)
                    if target is not None and not self.lost(node.node_id, receiver, message):
                        target.core.receive(node.node_id, dict(message))
                        target.tick()

    @property
    def leader(self) -> Node:
        leaders = [node for node in self.nodes.values() if node.core.role == "leader"]
        assert leaders, {name: node.core.role for name, node in self.nodes.items()}
        return max(leaders, key=lambda node: node.core.term)

    def elect(self) -> Node:
        self.run(2.0)
        return self.leader

    def equal(self) -> bool:
        states = {
            (node.core.applied_index, node.core.machine.state_hash())
            for node in self.nodes.values()
        }
        return len(states) == 1


# ---- pysyncobj as it comes
class _StockTransport(Transport):  # type: ignore[misc]
    def __init__(self, owner: Any, me: Any, others: Any) -> None:
        super().__init__(owner, me, others)
        self.out: list[tuple[str, dict[str, Any]]] = []
        owner.link = self

    def send(self, node: Any, message: dict[str, Any]) -> bool:
        self.out.append((node.id, message))
        return True


class Stock(SyncObj):  # type: ignore[misc]
    link: _StockTransport

    def __init__(self, me: str, others: str, **conf: Any) -> None:
        settings = {
            "autoTick": False,
            "leaderFallbackTimeout": 1e6,
            "logCompactionMinEntries": 10**9,
            "logCompactionMinTime": 1e9,
            "tcp_keepalive": None,
            **conf,
        }
        super().__init__(
            StockNode(me),
            [StockNode(other) for other in others],
            SyncObjConf(**settings),
            nodeClass=StockNode,
            transportClass=_StockTransport,
        )
        self.values: list[Any] = []
        for other in others:
            self.link._onNodeConnected(StockNode(other))

    @replicated  # type: ignore[untyped-decorator]
    def put(self, value: Any) -> Any:
        self.values.append(value)
        return value

    def receive(self, sender: str, **message: Any) -> None:
        self.link._onMessageReceived(StockNode(sender), message)

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        out, self.link.out = self.link.out, []
        return out

    def heartbeat(self) -> None:
        self._SyncObj__newAppendEntriesTime = 0
        self.doTick()

    def lead(self, *voters: str) -> int:
        self._SyncObj__raftElectionDeadline = 0
        self.doTick()
        term = int(self.raftCurrentTerm)
        for voter in voters:
            if not self._isLeader():
                self.receive(voter, type="response_vote", term=term)
        assert self._isLeader()
        return term

    @property
    def log(self) -> list[tuple[int, int]]:
        return [(item[1], item[2]) for item in self._SyncObj__raftLog]
