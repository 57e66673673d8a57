"""The proxies carry bytes, hold them back in one direction, delay them, and let go of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from chaos.proxy import Network


class Echo:
    """A node: answers every byte with the same byte, and counts what arrived."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.arrived = trio.Event()

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            while data := await stream.receive_some():
                self.received += data
                self.arrived.set()
                await stream.send_all(data)


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[Network, Echo]]:
    """Nodes a and b, and the network between them; b echoes."""
    echo = Echo()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, echo.serve, listeners)
        address = ("127.0.0.1", listeners[0].socket.getsockname()[1])
        network = Network({"a": ("127.0.0.1", 1), "b": address})
        await nursery.start(network.serve)
        with trio.fail_after(10):
            yield network, echo
        nursery.cancel_scope.cancel()


async def dial(network: Network, source: str, target: str) -> trio.SocketStream:
    host, _, port = network.dial_addresses(source)[target].rpartition(":")
    return await trio.open_tcp_stream(host, int(port))


async def settle() -> None:
    """Whatever can move now has moved. Bytes pass through the kernel: look a few times."""
    for _ in range(5):
        await wait_all_tasks_blocked(0.01)


async def test_bytes_pass_both_ways() -> None:
    async with two_nodes() as (network, _), await dial(network, "a", "b") as stream:
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"


async def test_a_cut_holds_one_direction_and_not_the_other() -> None:
    async with two_nodes() as (network, echo), await dial(network, "a", "b") as stream:
        await stream.send_all(b"1")
        assert await stream.receive_some() == b"1"
        network.cut("b", "a")  # the echo's answers are lost, the questions are not
        echo.arrived = trio.Event()
        await stream.send_all(b"2")
        await echo.arrived.wait()
        assert echo.received == b"12"
        with trio.move_on_after(0.05) as waited:
            await stream.receive_some()
        assert waited.cancelled_caught
        network.heal()
        assert await stream.receive_some() == b"2"


async def test_what_is_sent_into_a_cut_arrives_after_it_heals() -> None:
    async with two_nodes() as (network, echo), await dial(network, "a", "b") as stream:
        network.isolate("b")
        await stream.send_all(b"late")
        await settle()
        assert echo.received == b""
        network.heal()
        assert await stream.receive_some() == b"late"


async def test_a_heal_with_reset_ends_the_connections_that_were_cut() -> None:
    async with two_nodes() as (network, _), await dial(network, "a", "b") as stream:
        await stream.send_all(b"1")
        assert await stream.receive_some() == b"1"
        network.isolate("a")
        network.heal(reset=True)
        with pytest.raises((trio.BrokenResourceError, AssertionError)):
            assert await stream.receive_some() != b""
        async with await dial(network, "a", "b") as again:
            await again.send_all(b"2")
            assert await again.receive_some() == b"2"


async def test_a_delay_keeps_the_order_and_does_not_limit_the_rate() -> None:
    async with two_nodes() as (network, echo), await dial(network, "a", "b") as stream:
        network.delay("a", "b", 0.05)
        started = trio.current_time()
        for i in range(20):
            await stream.send_all(bytes([i]))
        while len(echo.received) < 20:
            await echo.arrived.wait()
            echo.arrived = trio.Event()
        assert trio.current_time() - started >= 0.05
        assert echo.received == bytes(range(20))


async def test_a_node_that_is_down_closes_the_connection() -> None:
    async with two_nodes() as (network, _), await dial(network, "b", "a") as stream:
        with pytest.raises((trio.BrokenResourceError, AssertionError)):
            assert await stream.receive_some() != b""


async def test_each_ordered_pair_has_a_port_of_its_own() -> None:
    async with two_nodes() as (network, _):
        ports = {link.port for link in network.links.values()}
        assert len(ports) == 2
        assert 0 not in ports
