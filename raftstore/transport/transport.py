"""Links to all the other members: dial, accept, greet, keep one link per pair, dial again.

In: the members' addresses (`set_peers`) and messages to send. Out: checked messages, and when a
peer comes and goes. Both sides of a pair may dial; of two links the one dialled by the smaller
node id stays, unless the peer has restarted since. A peer that is not (or no longer) a member may
connect if its certificate says that it belongs to this cluster: that is how a removed node learns
of its removal and how a new one is reached before the log names it; `max_strangers` bounds them.

`send` never waits. Messages are only queued until `flush`, so that everything which one turn of
the Raft core produced for a peer leaves in one write.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

import trio

from raftstore.errors import TransportError
from raftstore.transport.frames import FrameDecoder, Message
from raftstore.transport.hello import (
    OLDEST_PROTOCOL,
    PROTOCOL,
    Hello,
    answer,
    check_hello,
    greet,
    hello_from,
    receive_first,
    refuse,
)
from raftstore.transport.join import JoinDesk, JoinHandler, split_address
from raftstore.transport.limits import TransportLimits
from raftstore.transport.link import Link
from raftstore.transport.schema import Schema
from raftstore.transport.stream import PeerStream
from raftstore.transport.tls import TlsContexts, TlsFiles

log = logging.getLogger(__name__)

MAX_STRANGERS = 16


class LinkExists(TransportError):
    """Both sides dialled; the other link stays. Not worth a word in the log."""


_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Receiver(Protocol):
    """Whom the transport reports to; every method is called from the transport's own tasks."""

    def peer_connected(self, peer_id: str) -> None: ...
    def peer_disconnected(self, peer_id: str) -> None: ...
    def receive(self, peer_id: str, messages: list[Message]) -> None:
        """What arrived together. TransportError: the peer broke the protocol, end its link."""

    def received(self) -> None:
        """Called after each `receive` that went well."""


class PeerStatus(NamedTuple):
    connected: bool
    queued_bytes: int
    error: str  # why the last attempt or link ended; "" while connected


class Transport:
    def __init__(
        self,
        *,
        node_id: str,
        cluster_id: str,
        listen: str,
        tls: TlsFiles | None,
        schema: Schema,
        receiver: Receiver,
        limits: TransportLimits,
        on_join: JoinHandler | None = None,
    ) -> None:
        if tls is None and split_address(listen)[0] not in _LOOPBACK:
            raise ValueError(f"without TLS only a loopback address may be used, not {listen}")
        self.node_id = node_id
        self._hello = Hello(PROTOCOL, OLDEST_PROTOCOL, cluster_id, node_id, "", os.urandom(8))
        self._listen = listen
        self._contexts = TlsContexts(tls) if tls is not None else None
        self._schema: Schema = {**schema, "ping": {}}
        self._receiver = receiver
        self._limits = limits
        ca_pem = self._contexts.ca_pem if self._contexts is not None else None
        self._desk = JoinDesk(on_join, limits, ca_pem)
        self._peers: dict[str, str] = {}
        self._links: dict[str, Link] = {}
        self._unflushed: dict[str, Link] = {}
        self._errors: dict[str, str] = {}
        self._gone: dict[str, trio.Event] = {}  # set when the peer's link has ended
        self._dialling: dict[str, trio.CancelScope] = {}
        self._blocked: frozenset[str] = frozenset()
        self._pending = 0
        self._last_refusal = ""
        self._nursery: trio.Nursery | None = None

    # -- what the node calls ------------------------------------------------------------------

    def send(self, peer_id: str, message: Message) -> bool:
        """Queue for a peer; False if there is no link (the message is dropped)."""
        link = self._links.get(peer_id)
        if link is None or not link.send(message):
            return False
        self._unflushed[peer_id] = link
        return True

    def flush(self) -> None:
        """Write everything that was queued since the last call, as far as the kernel takes it."""
        if self._unflushed:
            for link in self._unflushed.values():
                link.flush()
            self._unflushed.clear()

    def set_peers(self, addresses: Mapping[str, str]) -> None:
        """The members to keep links to. A peer that is no longer one is not dialled any more, but
        may still connect to us."""
        new = {peer: address for peer, address in addresses.items() if peer != self.node_id}
        for peer, address in self._peers.items():
            if new.get(peer) != address and peer in self._dialling:
                self._dialling.pop(peer).cancel()
        self._peers = new
        for peer in set(self._errors) - set(new):
            del self._errors[peer]
        self._start_dialling()

    def block(self, peers: Iterable[str]) -> None:
        """Cut these peers off in both directions (and let all others through): for tests of
        partitions and for drills. The links close as a network fault would close them."""
        self._blocked = frozenset(peers)
        for peer in self._blocked & set(self._links):
            self._links[peer].close("blocked")

    def status(self) -> dict[str, PeerStatus]:
        found = {}
        for peer in sorted({*self._peers, *self._links}):
            link = self._links.get(peer)
            error = "" if link is not None else self._errors.get(peer, "")
            found[peer] = PeerStatus(link is not None, link.queued_bytes if link else 0, error)
        return found

    # -- life ---------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and keep the links until cancelled."""
        host, port = split_address(self._listen)
        self._check_files()
        try:
            listeners = await trio.open_tcp_listeners(port, host=host, backlog=128)
        except OSError as error:
            raise TransportError(f"cannot listen on {self._listen}: {error}") from error
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(trio.serve_listeners, self._accepted, listeners)
            self._start_dialling()
            task_status.started()

    def _check_files(self) -> None:
        """A certificate that cannot be used should be found at the start, not at the first peer."""
        if self._contexts is None:
            return
        try:
            self._contexts.server()
            self._contexts.client()
        except OSError as error:
            files = self._contexts.files
            raise TransportError(
                f"cannot use {files.ca}, {files.cert}, {files.key}: {error}"
            ) from error

    def _start_dialling(self) -> None:
        if self._nursery is None:
            return
        for peer in self._peers:
            if peer not in self._dialling:
                self._dialling[peer] = trio.CancelScope()
                self._nursery.start_soon(self._keep_dialling, peer, self._dialling[peer])

    # -- dialling -----------------------------------------------------------------------------

    async def _keep_dialling(self, peer: str, scope: trio.CancelScope) -> None:
        """Whenever there is no link to `peer`, try to make one, until it leaves the members."""
        with scope:
            delay = self._limits.redial_min
            if peer < self.node_id:  # the other side goes first: saves a second link
                await trio.sleep(self._limits.redial_max)
            while True:
                if peer in self._links:
                    delay = self._limits.redial_min
                    await self._gone[peer].wait()
                elif peer not in self._blocked:
                    await self._dial(peer)
                await trio.sleep(delay)
                delay = min(delay * 2, self._limits.redial_max)

    async def _dial(self, peer: str) -> None:
        """One attempt, and if it succeeds the whole life of the link."""
        address = self._peers[peer]
        stream: PeerStream | None = None
        try:
            with trio.fail_after(self._limits.handshake_timeout):
                tcp = await trio.open_tcp_stream(*split_address(address))
                context = self._contexts.client() if self._contexts is not None else None
                stream = PeerStream.adopt(tcp, context, server_side=False)
                await stream.handshake()
                decoder = FrameDecoder(self._limits.max_frame)
                theirs, early = await greet(stream, self._hello._replace(to=peer), decoder)
        except trio.TooSlowError:
            self._failed(peer, f"{address} did not answer in time", stream)
        except (OSError, ValueError, TransportError) as error:
            self._failed(peer, f"{address}: {error}", stream)
        except trio.Cancelled:
            if stream is not None:
                stream.close()
            raise
        else:
            await self._keep(stream, theirs, decoder, early, dialled_by=self.node_id)

    def _failed(self, peer: str, reason: str, stream: PeerStream | None) -> None:
        linked = peer in self._links  # both sides dialled, and the other link is the one that stays
        if not linked and self._errors.get(peer) != reason:  # logged once, not at every try
            self._errors[peer] = reason
            log.warning("%s: no link to %s: %s", self.node_id, peer, reason)
        if stream is not None:
            stream.close()

    # -- accepting ----------------------------------------------------------------------------

    async def _accepted(self, tcp: trio.SocketStream) -> None:
        if self._pending >= self._limits.max_pending:
            await trio.aclose_forcefully(tcp)
            return
        self._pending += 1
        stream: PeerStream | None = None
        greeted: tuple[Hello, FrameDecoder, list[Message]] | None = None
        try:
            context = self._contexts.server() if self._contexts is not None else None
            stream = PeerStream.adopt(tcp, context, server_side=True)
            greeted = await self._greeted(stream)
        except (OSError, TransportError, trio.TooSlowError) as error:
            self._refused(stream, error)
        finally:
            self._pending -= 1
            if stream is not None and greeted is None:
                stream.close()
        if stream is not None and greeted is not None:
            theirs, decoder, early = greeted
            await self._keep(stream, theirs, decoder, early, dialled_by=theirs.node_id)

    def _refused(self, stream: PeerStream | None, error: Exception) -> None:
        who = stream.remote() if stream is not None else "a peer"
        what = str(error) or "no hello in time"
        if what != self._last_refusal and not isinstance(error, LinkExists):
            self._last_refusal = what  # a peer that tries again and again is logged once
            log.warning("%s: connection from %s refused: %s", self.node_id, who, what)

    async def _greeted(
        self, stream: PeerStream
    ) -> tuple[Hello, FrameDecoder, list[Message]] | None:
        """The hello of an accepted peer; None if the connection was for something else."""
        with trio.fail_after(self._limits.handshake_timeout) as scope:
            await stream.handshake()
            decoder = FrameDecoder(self._limits.max_first_frame)
            message, rest = await receive_first(stream, decoder)
            if message["type"] != "hello":
                scope.deadline += self._limits.join_timeout
                await self._desk.answer(stream, message)
                return None
            theirs = hello_from(message)
            try:
                check_hello(theirs, self._hello, stream)
                self._check_place(theirs)
                if rest:
                    raise TransportError("a message came before the hello was answered")
            except TransportError as error:
                await refuse(stream, str(error))
                raise
            decoder = FrameDecoder(self._limits.max_frame)
            early = await answer(stream, theirs, self._hello, decoder)
            return theirs, decoder, early

    def _check_place(self, theirs: Hello) -> None:
        peer = theirs.node_id
        if peer in self._blocked:
            raise TransportError("blocked")
        old = self._links.get(peer)
        if old is not None and not self._replaces(old, theirs, dialled_by=peer):
            raise LinkExists("there is a link already")
        if peer not in self._peers and len(self._links.keys() - self._peers.keys()) > MAX_STRANGERS:
            raise TransportError("too many peers that are not members")

    def _replaces(self, old: Link, theirs: Hello, *, dialled_by: str) -> bool:
        preferred = min(self.node_id, theirs.node_id)
        return dialled_by == preferred or old.dialled_by != preferred or old.boot != theirs.boot

    # -- links --------------------------------------------------------------------------------

    async def _keep(
        self,
        stream: PeerStream,
        theirs: Hello,
        decoder: FrameDecoder,
        early: list[Message],
        *,
        dialled_by: str,
    ) -> None:
        """Put the link in its place and run it to its end."""
        peer = theirs.node_id
        old = self._links.get(peer)
        if peer in self._blocked or (
            old is not None and not self._replaces(old, theirs, dialled_by=dialled_by)
        ):
            stream.close()
            return
        if old is not None:
            old.close("replaced by a newer link")
            self._ended(peer, old)
        link = Link(
            stream,
            peer_id=peer,
            boot=theirs.boot,
            dialled_by=dialled_by,
            schema=self._schema,
            limits=self._limits,
            decoder=decoder,
            on_messages=self._receiver.receive,
            on_received=self._receiver.received,
        )
        self._links[peer] = link
        self._gone[peer] = trio.Event()
        self._errors.pop(peer, None)
        log.info("%s: linked to %s", self.node_id, peer)
        try:
            self._receiver.peer_connected(peer)
            await link.run(early)
        finally:
            self._ended(peer, link)

    def _ended(self, peer: str, link: Link) -> None:
        if self._links.get(peer) is not link:
            return
        del self._links[peer]
        self._unflushed.pop(peer, None)
        self._gone[peer].set()
        self._errors[peer] = link.ended or "closed"
        log.info("%s: link to %s ended: %s", self.node_id, peer, self._errors[peer])
        self._receiver.peer_disconnected(peer)
