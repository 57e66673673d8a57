"""The network between the nodes: one TCP proxy per ordered pair, with gates in both directions.

Node i is told to dial node j at the port of link (i, j). A link carries bytes both ways, whoever
dialled, so traffic from i to j flows forward through link (i, j) and backward through link (j, i).
A `Gate` is one such direction of one link: open, closed (bytes are held back, as in a network that
loses packets: TCP sends them again later) or delayed. Held bytes are bounded by what one read
returns; behind that the kernel's buffers fill and the sender feels it, as in life.

Nothing here knows what the bytes mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations

import trio

CHUNK = 64 * 1024
IN_FLIGHT = 256  # chunks on a delayed direction; beyond these the sender waits
CONNECT_SECONDS = 5.0


class Gate:
    """One direction of a link."""

    def __init__(self) -> None:
        self._open = trio.Event()
        self._open.set()
        self.delay = 0.0

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def close(self) -> None:
        if self.is_open:
            self._open = trio.Event()

    def open(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        """Returns when the gate is open."""
        while not self._open.is_set():
            await self._open.wait()


class Link:
    """What `source` dials to reach `target`."""

    def __init__(self, source: str, target: str, address: tuple[str, int]) -> None:
        self.source = source
        self.target = target
        self.address = address
        self.port = 0
        self.forward = Gate()
        self.backward = Gate()
        self._scopes: set[trio.CancelScope] = set()

    @property
    def connections(self) -> int:
        return len(self._scopes)

    def reset(self) -> None:
        """End all connections, as a firewall that forgets its state does."""
        for scope in self._scopes:
            scope.cancel()

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._accepted, listeners)

    async def _accepted(self, near: trio.SocketStream) -> None:
        far: trio.SocketStream | None = None
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                with trio.move_on_after(CONNECT_SECONDS):
                    far = await trio.open_tcp_stream(*self.address)
                if far is not None:
                    await self._carry(near, far, scope)
            except OSError:
                pass  # the node is down, or went down: the other side sees the connection close
        self._scopes.discard(scope)
        for stream in (near, far):
            if stream is not None:
                await trio.aclose_forcefully(stream)

    async def _carry(
        self, near: trio.SocketStream, far: trio.SocketStream, scope: trio.CancelScope
    ) -> None:
        async with trio.open_nursery() as nursery:
            for source, sink, gate in ((near, far, self.forward), (far, near, self.backward)):
                send, receive = trio.open_memory_channel[tuple[float, bytes]](IN_FLIGHT)
                nursery.start_soon(partial(_read, source, send, gate))
                nursery.start_soon(partial(_write, sink, receive, gate, scope))


async def _read(
    source: trio.SocketStream, send: trio.MemorySendChannel[tuple[float, bytes]], gate: Gate
) -> None:
    async with send:
        while True:
            try:
                data = bytes(await source.receive_some(CHUNK))
            except trio.BrokenResourceError:
                return
            if not data:
                return
            await send.send((trio.current_time() + gate.delay, data))


async def _write(
    sink: trio.SocketStream,
    receive: trio.MemoryReceiveChannel[tuple[float, bytes]],
    gate: Gate,
    scope: trio.CancelScope,
) -> None:
    """When one direction ends the connection ends: raft's links have no half-open state."""
    async for due, data in receive:
        await trio.sleep_until(due)
        await gate.passed()
        try:
            await sink.send_all(data)
        except trio.BrokenResourceError:
            break
    await gate.passed()
    scope.cancel()


class Network:
    """All links of a cluster. `addresses` are the nodes' own peer addresses."""

    def __init__(self, addresses: dict[str, tuple[str, int]]) -> None:
        self.nodes = tuple(addresses)
        self.links = {
            (source, target): Link(source, target, addresses[target])
            for source, target in permutations(addresses, 2)
        }

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; started when every link listens."""
        async with trio.open_nursery() as nursery:
            for link in self.links.values():
                await nursery.start(link.serve)
            task_status.started()

    def dial_addresses(self, source: str) -> dict[str, str]:
        """Where `source` finds the others."""
        return {
            target: f"127.0.0.1:{self.links[source, target].port}"
            for target in self.nodes
            if target != source
        }

    def _gates(self, source: str, target: str) -> Sequence[Gate]:
        """Both ways in which bytes get from `source` to `target`."""
        return (self.links[source, target].forward, self.links[target, source].backward)

    def cut(self, source: str, target: str) -> None:
        """Nothing gets from `source` to `target` any more; the other way is not touched."""
        for gate in self._gates(source, target):
            gate.close()

    def isolate(self, node: str) -> None:
        for other in self.nodes:
            if other != node:
                self.cut(node, other)
                self.cut(other, node)

    def delay(self, source: str, target: str, seconds: float) -> None:
        for gate in self._gates(source, target):
            gate.delay = seconds

    def heal(self, *, reset: bool = False) -> None:
        """Everything flows again. With `reset`, what was held back is lost with its connection;
        else it arrives now, late."""
        for link in self.links.values():
            if reset and not (link.forward.is_open and link.backward.is_open):
                link.reset()
            for gate in (link.forward, link.backward):
                gate.delay = 0.0
                gate.open()
