"""Faults: what goes wrong, when, and for how long, chosen by the seed.

In: the hosts and the network. Out: one fault after the other until `active` is false. Each kind has
a weight; a kind with weight 0 does not happen, which is how a failing run is made smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from raftstore.sim.host import Host
from raftstore.sim.network import Network, Weather
from raftstore.sim.world import World

WEIGHTS = {
    "kill": 10,
    "power_loss": 10,
    "power_loss_everywhere": 4,
    "kill_everywhere": 2,
    "sync_error": 5,
    "disk_full": 3,
    "pause": 8,
    "reset": 10,
    "stall": 14,
    "isolate": 10,
    "split": 8,
    "bad_weather": 10,
    "slow_disk": 6,
    "transfer": 8,
    "snapshot": 4,
}


class Faults:
    def __init__(
        self,
        world: World,
        network: Network,
        hosts: Callable[[], list[Host]],
        without: frozenset[str],
    ) -> None:
        self.world, self.network = world, network
        self.active = True
        self._hosts = hosts
        self._rng: Random = world.rng("faults")
        self._kinds = list(WEIGHTS)
        self._weights = list(WEIGHTS.values())
        self._without = without
        self._pace = self._rng.choice((0.4, 1.0, 2.0))
        self._later()

    def _later(self) -> None:
        self.world.after(self._rng.expovariate(self._pace), self._strike)

    def _strike(self) -> None:
        if not self.active:
            return
        # A stream per strike: leaving one kind out does not change the choices of the others.
        rng = Random(self._rng.getrandbits(64))
        (kind,) = rng.choices(self._kinds, self._weights)
        if kind not in self._without:
            getattr(self, f"_{kind}")(rng, self._hosts())
        self._later()

    def _kill(self, rng: Random, hosts: list[Host]) -> None:
        self._victim(rng, hosts).kill(power=False)

    def _power_loss(self, rng: Random, hosts: list[Host]) -> None:
        self._victim(rng, hosts).kill(power=True)

    def _power_loss_everywhere(self, _rng: Random, hosts: list[Host]) -> None:
        for host in hosts:
            host.kill(power=True)

    def _kill_everywhere(self, _rng: Random, hosts: list[Host]) -> None:
        for host in hosts:
            host.kill(power=False)

    def _sync_error(self, rng: Random, hosts: list[Host]) -> None:
        host = rng.choice(hosts)
        self.world.log("the next sync fails on", host.node_id)
        host.disk.fail_syncs()

    def _disk_full(self, rng: Random, hosts: list[Host]) -> None:
        host = rng.choice(hosts)
        self.world.log("the disk of", host.node_id, "is full")
        host.disk.capacity = 1

    def _pause(self, rng: Random, hosts: list[Host]) -> None:
        host, duration = self._victim(rng, hosts), rng.uniform(0.1, 2)
        self.world.log("pause", host.node_id, f"{duration:.2f}")
        host.pause(duration)

    def _reset(self, rng: Random, hosts: list[Host]) -> None:
        a, b = self._pair(rng, hosts)
        self.world.log("reset", a, b)
        self.network.cut(a, b)

    def _stall(self, rng: Random, hosts: list[Host]) -> None:
        a, b = self._pair(rng, hosts)
        duration = rng.uniform(0.2, 3)
        self.world.log("stall", a, "->", b, f"{duration:.2f}")
        self.network.stall(a, b, duration)

    def _isolate(self, rng: Random, hosts: list[Host]) -> None:
        """Cut one node off; half of the time its links are silent instead of broken."""
        host, duration = self._victim(rng, hosts), rng.uniform(0.3, 3)
        silent = rng.random() < 0.5
        self.world.log("isolate", host.node_id, f"{duration:.2f}", "silently" if silent else "")
        for other in hosts:
            if other is not host:
                self._separate(host.node_id, other.node_id, duration, silent=silent)

    def _split(self, rng: Random, hosts: list[Host]) -> None:
        part = rng.sample(hosts, len(hosts) // 2)
        duration, silent = rng.uniform(0.3, 2.5), rng.random() < 0.5
        self.world.log("split", [host.node_id for host in part], f"{duration:.2f}")
        for a in part:
            for b in hosts:
                if b not in part:
                    self._separate(a.node_id, b.node_id, duration, silent=silent)

    def _separate(self, a: str, b: str, duration: float, *, silent: bool) -> None:
        if silent:
            self.network.stall(a, b, duration)
            self.network.stall(b, a, duration)
        else:
            self.network.cut(a, b, duration)

    def _bad_weather(self, rng: Random, _hosts: list[Host]) -> None:
        weather = Weather(
            delay=rng.choice((0.002, 0.02, 0.1)),
            loss=rng.choice((0, 0, 0.05, 0.2)),
            reorder=rng.choice((0, 0, 0.1)),
            duplicate=rng.choice((0, 0, 0.1)),
            corrupt=rng.choice((0, 0.1)),
        )
        self.world.log(weather)
        self.network.weather = weather

        def clear() -> None:
            if self.network.weather is weather:
                self.network.weather = Weather()

        self.world.after(rng.uniform(0.5, 4), clear)

    def _slow_disk(self, rng: Random, hosts: list[Host]) -> None:
        host, delay = rng.choice(hosts), rng.choice((0.001, 0.05, 0.3))
        self.world.log("disk of", host.node_id, "takes up to", delay)
        host.sync_delay = delay

    def _transfer(self, rng: Random, hosts: list[Host]) -> None:
        host = rng.choice(hosts)
        target = rng.choice([None, *(other.node_id for other in hosts)])
        self.world.log("hand over leadership to", target, "asked at", host.node_id)
        host.run(lambda: host.core.transfer_leadership(target))

    def _snapshot(self, _rng: Random, hosts: list[Host]) -> None:
        self.world.log("snapshots everywhere")
        for host in hosts:
            host.run(host.core.request_snapshot)

    @staticmethod
    def _victim(rng: Random, hosts: list[Host]) -> Host:
        """Half of the time a leader: that is where it hurts."""
        leaders = [host for host in hosts if host.alive and host.core.role == "leader"]
        return rng.choice(leaders if leaders and rng.random() < 0.5 else hosts)

    @staticmethod
    def _pair(rng: Random, hosts: list[Host]) -> tuple[str, str]:
        if len(hosts) < 2:
            return hosts[0].node_id, hosts[0].node_id
        a, b = rng.sample(hosts, 2)
        return a.node_id, b.node_id
