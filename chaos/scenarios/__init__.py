"""The scenarios by name: which faults they draw from. A scenario is data."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.faults import disk, membership, network, process
from chaos.faults.scene import FaultFunction


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault after another, drawn from `faults`. One that is not `survivable` breaks promises
    on purpose, to show that it is noticed; `all` leaves it out. With `every_verb` there are more
    clients, which use all of the API and may see nothing that cannot be retried."""

    name: str
    summary: str
    faults: tuple[FaultFunction, ...]
    survivable: bool = True
    every_verb: bool = False


_ALL: tuple[FaultFunction, ...] = (
    process.kill,
    process.kill_leader,
    process.restart,
    process.pause,
    process.leave_behind,
    process.kill_all,
    network.isolate,
    network.one_way,
    network.one_pair,
    network.slow_links,
    network.flapping,
    disk.slow_disk,
    disk.full_disk,
    disk.power_loss,
    disk.power_loss_everywhere,
    membership.replace,
)

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("calm", "no fault at all: what to compare the others with", ()),
        Scenario("kill", "kill -9 one node, often the leader, and start it again", (process.kill,)),
        Scenario(
            "left-behind",
            "one node is away until only a snapshot can bring it back",
            (process.leave_behind,),
        ),
        Scenario(
            "restart", "SIGTERM one node after another, as an upgrade does", (process.restart,)
        ),
        Scenario("pause", "SIGSTOP one node for a while, then SIGCONT", (process.pause,)),
        Scenario("restart-all", "kill -9 all three nodes at once", (process.kill_all,)),
        Scenario("partition", "one node is cut off from the others", (network.isolate,)),
        Scenario(
            "asymmetric",
            "one-way cuts, and two nodes that do not reach each other",
            (network.one_way, network.one_pair),
        ),
        Scenario(
            "bad-network",
            "slow and flapping links of one node",
            (network.slow_links, network.flapping),
        ),
        Scenario("slow-disk", "the syncs of one node take long", (disk.slow_disk,)),
        Scenario("full-disk", "one node runs out of space, and gets some again", (disk.full_disk,)),
        Scenario(
            "torn-log",
            "power losses in the middle of a sync, of one node or of all",
            (disk.power_loss, disk.power_loss_everywhere),
        ),
        Scenario(
            "membership",
            "a node is removed under load and joins again with an empty disk",
            (membership.replace,),
        ),
        Scenario(
            "every-verb",
            "kill -9 the leader every few seconds while clients use all of the API",
            (process.kill_leader,),
            every_verb=True,
        ),
        Scenario("mixed", "everything, in any order", _ALL),
        Scenario(
            "lying-disks",
            "disks that do not sync, and power losses: has to end with violations",
            (disk.lying_disks,),
            survivable=False,
        ),
    )
}
