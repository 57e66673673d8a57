"""The operator: changes the membership, one change after the other, and wipes what was removed.

In: the hosts. Out: learners added, promoted, removed, and added again with the same name and an
empty disk. Which change comes next depends on the members as some node sees them, as for a human.
"""

from __future__ import annotations

from collections.abc import Callable

from raftstore.errors import StoreError
from raftstore.raft import MemberChange
from raftstore.sim.host import Host
from raftstore.sim.world import World
from raftstore.types import Member

MAX_NODES = 6


class Operator:
    def __init__(
        self,
        world: World,
        number: int,
        hosts: Callable[[], list[Host]],
        provide: Callable[[str], Host],
        retire: Callable[[str], None],
        is_free: Callable[[str], bool],
    ) -> None:
        self.world = world
        self.active = True
        self.changes = 0
        self._hosts = hosts
        self._provide = provide
        self._retire = retire
        self._is_free = is_free
        self._rng = world.rng(f"operator {number}")
        self._pace = self._rng.choice((0.3, 1.0))
        self._later()

    def _later(self) -> None:
        if self.active:
            self.world.after(self._rng.expovariate(self._pace), self._act)

    def _act(self) -> None:
        hosts = [host for host in self._hosts() if host.alive]
        if not self.active or not hosts:
            self._later()
            return
        host = self._rng.choice(hosts)
        members = host.core.members
        if not members:
            self._later()
            return
        change = self._choose(members)
        node_id = change.member.node_id
        self.world.log("ask", host.node_id, "to", change.kind, node_id)
        answered = [False]

        def done(error: StoreError | None) -> None:
            if answered[0]:
                return
            answered[0] = True
            self.world.log("change", change.kind, node_id, "->", error or "done")
            if error is None:
                self.changes += 1
                if change.kind == "remove":
                    self._retire(node_id)
            self._later()

        def give_up() -> None:
            if not answered[0]:
                answered[0] = True
                self._later()

        if change.kind == "add_learner":
            self._provide(node_id)
        self.world.after(6.0, give_up)
        host.run(lambda: host.core.propose_member_change(change, done))

    def _choose(self, members: tuple[Member, ...]) -> MemberChange:
        rng = self._rng
        learners = [m for m in members if m.learner]
        voters = [m for m in members if not m.learner]
        if learners and rng.random() < 0.6:
            return MemberChange("promote", rng.choice(learners))
        if len(members) >= MAX_NODES or (len(voters) > 1 and rng.random() < 0.45):
            return MemberChange("remove", rng.choice(members))
        if rng.random() < 0.15:
            member = rng.choice(members)
            return MemberChange("update", member._replace(address=f"moved:{rng.randrange(99)}"))
        # A computer is free when it was wiped, and it is wiped when its removal is committed.
        free = [f"n{i}" for i in range(2 * MAX_NODES) if self._is_free(f"n{i}")]
        if not free:
            return MemberChange("update", rng.choice(members)._replace(address="moved:0"))
        return MemberChange("add_learner", Member(rng.choice(free[:MAX_NODES]), "there:1"))
