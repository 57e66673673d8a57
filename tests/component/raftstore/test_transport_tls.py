"""Members over real TLS: who may talk to whom, and what the refused side is told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from raftstore_cluster import free_address
from raftstore_pki import Authority

from raftstore.errors import TransportError
from raftstore.transport import (
    JoinRefused,
    Message,
    Schema,
    TlsFiles,
    Transport,
    TransportLimits,
    pin_of,
    request_join,
)
from raftstore.transport import transport as transport_module

SCHEMA: Schema = {"note": {"text": (str,), "n": (int,)}, "blob": {"data": (bytes,)}}


class Inbox:
    """Records what a transport reports; `until` waits for a condition on it."""

    def __init__(self) -> None:
        self.connected: list[str] = []
        self.disconnected: list[str] = []
        self.messages: list[tuple[str, Message]] = []
        self._changed = trio.Event()

    def peer_connected(self, peer_id: str) -> None:
        self.connected.append(peer_id)
        self._notify()

    def peer_disconnected(self, peer_id: str) -> None:
        self.disconnected.append(peer_id)
        self._notify()

    def receive(self, peer_id: str, messages: list[Message]) -> None:
        self.messages += [(peer_id, message) for message in messages]

    def received(self) -> None:
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(20):
            while not condition():
                await self._changed.wait()


@asynccontextmanager
async def node(
    node_id: str, address: str, tls: TlsFiles | None, peers: dict[str, str], **options: Any
) -> AsyncIterator[tuple[Transport, Inbox]]:
    inbox = Inbox()
    transport = Transport(
        node_id=node_id,
        cluster_id=options.pop("cluster_id", "c1"),
        listen=address,
        tls=tls,
        schema=SCHEMA,
        receiver=inbox,
        limits=options.pop("limits", TransportLimits()),
        **options,
    )
    transport.set_peers(peers)
    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run)
        yield transport, inbox
        nursery.cancel_scope.cancel()


async def error_of(transport: Transport, peer: str, word: str) -> str:
    with trio.fail_after(20):
        while word not in transport.status()[peer].error:  # noqa: ASYNC110 (a figure, not an event)
            await trio.sleep(0.02)
    return transport.status()[peer].error


async def test_messages_arrive_once_in_order_and_both_ways(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    async with (
        node("n1", a, authority.member("n1"), peers) as (t1, i1),
        node("n2", b, authority.member("n2"), peers) as (t2, i2),
    ):
        await i1.until(lambda: i1.connected == ["n2"])
        await i2.until(lambda: i2.connected == ["n1"])
        blob = bytes(1_000_000)
        for n in range(20):
            assert t1.send("n2", {"type": "note", "text": "é", "n": n})
            assert t1.send("n2", {"type": "blob", "data": blob})
        t1.flush()
        t2.send("n1", {"type": "note", "text": "back", "n": 1})
        t2.flush()
        await i2.until(lambda: len(i2.messages) == 40)
        assert [m["n"] for _, m in i2.messages if m["type"] == "note"] == list(range(20))
        await i1.until(lambda: i1.messages == [("n2", {"type": "note", "text": "back", "n": 1})])


async def test_a_link_that_was_cut_comes_back(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    async with (
        node("n1", a, authority.member("n1"), peers) as (t1, i1),
        node("n2", b, authority.member("n2"), peers) as (_, i2),
    ):
        await i1.until(lambda: i1.connected == ["n2"])
        t1.block({"n2"})
        await i2.until(lambda: i2.disconnected == ["n1"])
        assert not t1.send("n2", {"type": "note", "text": "", "n": 0})
        t1.block(())
        await i2.until(lambda: i2.connected == ["n1", "n1"])


async def test_a_restarted_peer_replaces_its_dead_link(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    files = authority.member("n2")
    async with node("n1", a, authority.member("n1"), peers) as (_, i1):
        for _ in range(2):
            async with node("n2", b, files, peers) as (_, i2):
                await i2.until(lambda i2=i2: i2.connected == ["n1"])  # type: ignore[misc]
        await i1.until(lambda: i1.connected == ["n2", "n2"])


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("other cluster", "n2 belongs to cluster other"),
        ("other authority", "certificate verify failed"),
        ("someone else's certificate", "n9's"),
        ("no identity", "raftstore:<node id>"),
    ],
)
async def test_a_wrong_peer_is_refused_and_told_why(tmp_path: Path, case: str, words: str) -> None:
    authority = Authority(tmp_path / "ca")
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    files, cluster = authority.member("n2"), "c1"
    if case == "other cluster":
        cluster = "other"
    elif case == "other authority":
        files = Authority(tmp_path / "other").member("n2")
    elif case == "someone else's certificate":
        files = authority.member("n2", uri="raftstore:n9")
    else:
        files = authority.member("n2", uri="spiffe://n2")
    async with (
        node("n1", a, authority.member("n1"), peers) as (_, i1),
        node("n2", b, files, peers, cluster_id=cluster) as (t2, i2),
    ):
        found = await error_of(t2, "n1", "verify" if case == "other authority" else "refused")
        assert words in found
        assert i1.connected == i2.connected == []
        assert not t2.send("n1", {"type": "note", "text": "", "n": 0})


async def test_another_protocol_version_is_refused_with_both_versions_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    async with node("n1", a, authority.member("n1"), peers) as (t1, _):
        monkeypatch.setattr(transport_module, "PROTOCOL", 3)
        monkeypatch.setattr(transport_module, "OLDEST_PROTOCOL", 2)
        async with node("n2", b, authority.member("n2"), peers):
            found = await error_of(t1, "n2", "protocol")
            assert "2 to 3" in found
            assert "1 to 1" in found


async def test_a_message_outside_the_schema_ends_the_link(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    async with (
        node("n1", a, authority.member("n1"), peers) as (t1, i1),
        node("n2", b, authority.member("n2"), peers) as (_, i2),
    ):
        await i1.until(lambda: i1.connected == ["n2"])
        t1.send("n2", {"type": "note", "text": "x", "n": True})
        t1.flush()
        await i2.until(lambda: i2.disconnected == ["n1"])
        assert i2.messages == []


async def test_a_peer_that_takes_nothing_costs_memory_up_to_the_bound(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    limits = TransportLimits(max_queue=1 << 20)
    async with (
        node("n1", a, authority.member("n1"), peers, limits=limits) as (t1, i1),
        node("n2", b, authority.member("n2"), peers),
    ):
        await i1.until(lambda: i1.connected == ["n2"])
        blob = {"type": "blob", "data": bytes(300_000)}
        assert all(t1.send("n2", blob) for _ in range(3))
        assert not t1.send("n2", blob)
        await i1.until(lambda: i1.disconnected == ["n2"])
        await i1.until(lambda: i1.connected == ["n2", "n2"])


async def test_plaintext_is_for_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        async with node("n1", "0.0.0.0:7000", None, {}):
            pass
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    async with node("n1", a, None, peers) as (_, i1), node("n2", b, None, peers):
        await i1.until(lambda: i1.connected == ["n2"])


async def answer_join(request: Message) -> Message:
    if request.get("token") != "right":
        raise JoinRefused("the token is not valid")
    return {"certificate": b"for " + request["name"].encode()}


async def test_join_with_a_pin_or_a_known_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    address = free_address()
    pem = authority.ca.read_text()
    request = {"token": "right", "name": "n4"}
    async with node("n1", address, authority.member("n1"), {}, on_join=answer_join):
        granted = {"certificate": b"for n4"}
        assert await request_join(address, request, ca_pem=pem) == granted
        assert await request_join(address, request, ca_pin=pin_of(pem)) == granted
        with pytest.raises(JoinRefused, match="token is not valid"):
            await request_join(address, {"token": "wrong"}, ca_pem=pem)
        other = Authority(tmp_path / "other").ca.read_text()
        with pytest.raises(TransportError, match="does not match the pin"):
            await request_join(address, request, ca_pin=pin_of(other))
        with pytest.raises(TransportError, match="certificate verify failed"):
            await request_join(address, request, ca_pem=other)


async def test_join_requests_are_limited_in_rate_and_size(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    address = free_address()
    pem = authority.ca.read_text()
    limits = TransportLimits(join_rate=0.001, join_burst=2)
    async with node("n1", address, authority.member("n1"), {}, on_join=answer_join, limits=limits):
        with pytest.raises(TransportError, match="too large"):
            await request_join(address, {"token": "x" * 100_000}, ca_pem=pem)
        for _ in range(2):
            with pytest.raises(JoinRefused, match="token"):
                await request_join(address, {"token": "wrong"}, ca_pem=pem)
        with pytest.raises(JoinRefused, match="too many"):
            await request_join(address, {"token": "right", "name": "n4"}, ca_pem=pem)


async def test_a_node_without_a_join_handler_says_so(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    address = free_address()
    async with node("n1", address, authority.member("n1"), {}):
        with pytest.raises(JoinRefused, match="does not take join requests"):
            await request_join(address, {}, ca_pem=authority.ca.read_text())


async def test_a_renewed_certificate_is_used_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    authority = Authority(tmp_path)
    a, b = free_address(), free_address()
    peers = {"n1": a, "n2": b}
    wrong = authority.member("n2", uri="raftstore:n9")
    async with (
        node("n1", a, authority.member("n1"), peers) as (_, i1),
        node("n2", b, wrong, peers) as (t2, _),
    ):
        await error_of(t2, "n1", "n9")
        authority.member("n2")  # the same paths
        await i1.until(lambda: i1.connected == ["n2"])
