"""One client connection, from the TLS handshake to the close.

In: an accepted socket. Out: a protocol (HTTP/1.1 or HTTP/2) fed with what arrives, and the
deadlines that a connection as a whole must keep. A Hypercorn TCPServer whose stream is our
transport; every task of the connection lives in its nursery and ends with it.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState, LifespanState
from hypercorn.utils import parse_socket_addr

from kapiserver.request import Connection, Dispatcher

from .asgi import CONNECTION_KEY
from .h1 import H1Protocol
from .h2 import H2Protocol
from .limits import FrontEndConfig
from .stream import LEAVE_TIME
from .transport import Transport, tune

if TYPE_CHECKING:
    from OpenSSL import SSL

    from .app import KapiApp


class Front:
    """What all connections of one server share."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        config: FrontEndConfig,
        app: KapiApp,
        wrapped: AppWrapper,
        hypercorn: Config,
        state: LifespanState,
    ) -> None:
        self.dispatcher = dispatcher
        self.config = config
        self.app = app
        self.wrapped = wrapped
        self.hypercorn = hypercorn
        self.state = state
        self.context = WorkerContext(None)
        self.connections: set[ClientConnection] = set()
        self.open = 0  # accepted and not closed yet, handshakes included
        self.draining = False


class ClientConnection(TCPServer):
    """Hypercorn's connection handler on our transport and protocols."""

    def __init__(self, front: Front, sock: socket.socket, context: SSL.Context) -> None:
        self.transport = Transport(sock, context, front.config.write_timeout)
        super().__init__(
            front.wrapped,
            front.hypercorn,
            front.context,
            front.state,
            # The base class is written for trio.SSLStream but only uses what we override here.
            cast("trio.SSLStream[trio.SocketStream]", self.transport),
        )
        self.front = front
        self.nursery: trio.Nursery
        self.facts: Connection
        self.http: H1Protocol | H2Protocol | None = None
        self._ending = False

    @property
    def client(self) -> tuple[str, int] | None:
        return self.facts.client if self.http is not None else None

    def __repr__(self) -> str:
        return f"<connection from {self.client}>"

    async def run(self) -> None:
        transport, config = self.transport, self.front.config
        sock = transport.sock
        try:
            tune(sock, config.write_timeout)
            client = parse_socket_addr(sock.family, sock.getpeername())
            server = parse_socket_addr(sock.family, sock.getsockname())
            with trio.fail_after(config.handshake_timeout):
                await transport.handshake()
        except (OSError, trio.BrokenResourceError, trio.TooSlowError):
            return
        else:
            self.facts = Connection(client, server, transport.peer_certificate())
            state = ConnectionState({**self.front.state, CONNECTION_KEY: self.facts})
            async with TaskGroup() as group:
                assert group._nursery is not None
                self._task_group = group
                self.nursery = transport.nursery = group._nursery
                try:
                    await self._serve(group, state)
                finally:
                    # While the nursery is still open: a publisher may be writing to us, and what
                    # the socket does not take at once needs the nursery.
                    transport.close()
                self.nursery.cancel_scope.cancel()
        finally:
            self.front.connections.discard(self)
            transport.close()

    async def _serve(self, group: TaskGroup, state: ConnectionState) -> None:
        protocol = H2Protocol if self.transport.alpn() == b"h2" else H1Protocol
        self.transport.greedy = protocol is H2Protocol
        self.http = http = protocol(self, group, state)
        self.front.connections.add(self)
        await http.initiate()
        if self.front.draining:
            http.drain()
        await self._read_data()
        # Streams that were told to leave get a moment to do so by themselves.
        with trio.move_on_after(LEAVE_TIME):
            await http.settled()

    async def _read_data(self) -> None:
        transport, http = self.transport, self.http
        assert http is not None
        limit = self.front.config.transport_buffer
        receive, handle = transport.receive, http.handle
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            while True:
                data = await receive()
                if not data:
                    break
                if not self._ending:
                    await handle(RawData(data))
                if self._ending:
                    continue
                if transport.pending_size > limit:
                    # A client that does not read what it asked for is not listened to either.
                    await transport.drained()
                if http.full:
                    await http.wait_not_full()
        await handle(Closed())

    def end(self, *, linger: bool = False) -> None:
        """Close once everything written has left. What still arrives is dropped.

        `linger` when the client may be in the middle of sending: closing at once would make the
        kernel reset the connection and destroy the answer that it has not read yet.
        """
        if not self._ending:
            self._ending = True
            self.nursery.start_soon(self._end, linger)

    async def _end(self, linger: bool) -> None:
        with trio.move_on_after(self.front.config.write_timeout):
            await self.transport.drained()
            if linger:
                self.transport.end()
                await trio.sleep(self.front.config.linger)
        self.transport.close()

    def kill(self) -> None:
        """Close now."""
        self._ending = True
        self.transport.close()

    async def protocol_send(self, event: Event) -> None:
        """What Hypercorn's own protocols (WebSocket) send."""
        if isinstance(event, RawData):
            self.transport.write(bytes(event.data))
            if self.transport.pending_size > self.front.config.transport_buffer:
                await self.transport.drained()
        elif isinstance(event, Closed):
            self.end()
        elif isinstance(event, Updated):
            pass  # idleness is looked at from outside, once a second

    def check(self, now: float) -> None:
        """Once a second: close what has been idle or unfinished for too long."""
        if self.http is not None and not self._ending:
            self.http.check(now)

    def drain(self) -> None:
        if self.http is not None:
            self.http.drain()

    async def _close(self) -> None:
        self.transport.close()

    async def _initiate_server_close(self) -> None:
        self.kill()

    async def _idle_timeout(self) -> None:
        """Not used: one task checks all connections instead of one task for each."""

    def hypercorn_arguments(self, group: TaskGroup, state: ConnectionState) -> tuple[Any, ...]:
        """The constructor arguments of Hypercorn's protocol classes."""
        return (
            self.front.wrapped,
            self.front.hypercorn,
            self.front.context,
            group,
            state,
            True,
            self.facts.client,
            self.facts.server,
            self.protocol_send,
        )
