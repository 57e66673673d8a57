"""Links between nodes: ordered and reliable while they are up, as TCP is, until a fault says not.

In: messages. Out: the same messages later, to a node that is alive, on the link on which they were
sent. Faults: delay, stalls of one direction (then everything arrives, in order), cuts (both sides
notice, what is in flight is lost), and, beyond what TCP would do, loss, reordering and duplication
of messages that may be repeated.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from raftstore.raft import Message
from raftstore.sim.world import World

# A proposal or a change that arrives twice would make "refused" a lie about one of the two.
_ONCE = frozenset({"propose", "change_members"})


class Endpoint(Protocol):
    node_id: str
    alive: bool

    def wants_link(self, peer_id: str) -> bool: ...
    def link_up(self, peer_id: str) -> None: ...
    def link_down(self, peer_id: str) -> None: ...
    def deliver(self, peer_id: str, message: Message) -> None: ...


@dataclass
class Link:
    up: bool = False
    generation: int = 0
    blocked_until: float = 0.0
    last_arrival: dict[str, float] = field(default_factory=dict)  # by sender
    stalled_until: dict[str, float] = field(default_factory=dict)  # by sender


@dataclass
class Weather:
    """How the network is at the moment."""

    delay: float = 0.005
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0  # of snapshot pieces: the checksum must notice


class Network:
    def __init__(self, world: World, on_send: Callable[[str, str, Message], None]) -> None:
        self.world = world
        self.weather = Weather()
        self._rng = world.rng("network")
        self._on_send = on_send
        self._endpoints: dict[str, Endpoint] = {}
        self._links: dict[tuple[str, str], Link] = {}

    def attach(self, endpoint: Endpoint) -> None:
        self._endpoints[endpoint.node_id] = endpoint

    def link(self, a: str, b: str) -> Link:
        return self._links.setdefault((min(a, b), max(a, b)), Link())

    def known(self) -> list[str]:
        return list(self._endpoints)

    # ---- links
    def connect_later(self, a: str, b: str) -> None:
        self.world.after(self._rng.uniform(0.01, 0.2), self._try_connect, a, b)

    def _try_connect(self, a: str, b: str) -> None:
        link = self.link(a, b)
        ends = self._endpoints.get(a), self._endpoints.get(b)
        if link.up or ends[0] is None or ends[1] is None:
            return
        if not (ends[0].alive and ends[1].alive):
            return  # the one that starts later connects
        # One side dials, the other accepts anybody of the cluster.
        if not (ends[0].wants_link(b) or ends[1].wants_link(a)):
            return
        if link.blocked_until > self.world.now:
            self.world.after(link.blocked_until - self.world.now, self._try_connect, a, b)
            return
        link.up = True
        link.generation += 1
        link.last_arrival.clear()
        ends[0].link_up(b)
        ends[1].link_up(a)

    def cut(self, a: str, b: str, duration: float = 0.0) -> None:
        """Break the link; a new one is possible after `duration`."""
        link = self.link(a, b)
        link.blocked_until = max(link.blocked_until, self.world.now + duration)
        if link.up:
            link.up = False
            link.generation += 1
            for node_id, other in ((a, b), (b, a)):
                endpoint = self._endpoints[node_id]
                if endpoint.alive:
                    endpoint.link_down(other)
        self.connect_later(a, b)

    def stall(self, sender: str, receiver: str, duration: float) -> None:
        self.link(sender, receiver).stalled_until[sender] = self.world.now + duration

    def heal(self) -> None:
        self.weather = Weather()
        for (a, b), link in self._links.items():
            link.blocked_until = 0.0
            link.stalled_until.clear()
            self.connect_later(a, b)

    # ---- messages
    def send(self, sender: str, receiver: str, message: Message) -> bool:
        link = self._links.get((min(sender, receiver), max(sender, receiver)))
        if link is None or not link.up:
            return False
        self._on_send(sender, receiver, message)
        weather, rng, kind = self.weather, self._rng, message["type"]
        if weather.loss and rng.random() < weather.loss:
            return True
        now = self.world.now
        arrival = now + rng.uniform(0.0002, weather.delay)
        arrival = max(arrival, link.stalled_until.get(sender, 0.0))
        if not (weather.reorder and rng.random() < weather.reorder):
            arrival = max(arrival, link.last_arrival.get(sender, 0.0))
            link.last_arrival[sender] = arrival
        if weather.corrupt and kind == "snapshot_chunk" and rng.random() < weather.corrupt:
            message = self._damaged(message)
        self._deliver_later(sender, receiver, link, message, arrival - now)
        if weather.duplicate and kind not in _ONCE and rng.random() < weather.duplicate:
            again = arrival - now + rng.uniform(0, 0.5)
            self._deliver_later(sender, receiver, link, message, again)
        return True

    def _damaged(self, message: Message) -> Message:
        """A piece with a flipped byte; half of the time with a checksum that fits, as if the
        sender's memory or disk were bad: then only the check of the whole file can notice."""
        data = bytearray(message["data"])
        data[self._rng.randrange(len(data))] ^= 0x55
        message = {**message, "data": bytes(data)}
        if self._rng.random() < 0.5:
            message["crc"] = zlib.crc32(data)
        return message

    def _deliver_later(
        self, sender: str, receiver: str, link: Link, message: Message, delay: float
    ) -> None:
        generation = link.generation
        message = dict(message)

        def deliver() -> None:
            endpoint = self._endpoints[receiver]
            if link.generation == generation and endpoint.alive:
                endpoint.deliver(sender, message)

        self.world.after(delay, deliver)
