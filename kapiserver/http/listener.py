"""The server: sockets, the accept loop, and the orderly end.

In: a dispatcher, a configuration, routes for Quart and a shutdown event. Out: a running server
whose every task is in one nursery; when `shutdown` is set it stops accepting, ends watches, lets
requests finish within the grace period, and closes. A port that is taken is known before anything
runs (`bind`).
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial

import trio
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.typing import LifespanState
from hypercorn.utils import wrap_app

from kapiserver.request import Dispatcher

from . import faults
from .app import KapiApp
from .connection import ClientConnection, Front
from .limits import FrontEndConfig
from .tls import CertificateFiles

log = logging.getLogger(__name__)


class AddressInUse(Exception):
    """The message tells the operator which flag to change."""


def bind(host: str, port: int, *, backlog: int = 1024) -> list[socket.socket]:
    """Listening sockets for every address of `host`; AddressInUse or OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if not port and len(sockets) > 1:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            sock.bind(address)
            sock.listen(backlog)
            sock.setblocking(False)
    except OSError as error:
        for sock in sockets:
            sock.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"port {port} on {host or 'all addresses'} is in use by another program; "
                "choose a different one with --secure-port"
            ) from error
        raise
    return sockets


async def serve(
    dispatcher: Dispatcher,
    config: FrontEndConfig,
    *,
    shutdown: trio.Event,
    routes: Callable[[KapiApp], None] | None = None,
    sockets: Sequence[socket.socket] | None = None,
    task_status: trio.TaskStatus[list[tuple[str, int]]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `shutdown` is set and everything has ended. Started with the bound addresses."""
    if sockets is None:
        sockets = bind(config.host, config.port, backlog=config.backlog)
    try:
        certificates = CertificateFiles(config)
        app = KapiApp(dispatcher)
        if routes is not None:
            routes(app)
        front = _front(dispatcher, config, app)
        lifespan = Lifespan(front.wrapped, front.hypercorn, front.state)
        async with trio.open_nursery() as life:
            await life.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            await _run(front, certificates, sockets, shutdown, task_status)
            await lifespan.wait_for_shutdown()
            life.cancel_scope.cancel()
    finally:
        for sock in sockets:
            sock.close()


def _front(dispatcher: Dispatcher, config: FrontEndConfig, app: KapiApp) -> Front:
    hypercorn = Config()
    hypercorn.errorlog = log
    hypercorn.accesslog = None
    hypercorn.include_server_header = False
    hypercorn.include_date_header = False
    hypercorn.keep_alive_max_requests = 2**62
    hypercorn.websocket_max_message_size = 4 * 1024 * 1024
    state: LifespanState = {}
    return Front(dispatcher, config, app, wrap_app(app, 0, "asgi"), hypercorn, state)


async def _run(
    front: Front,
    certificates: CertificateFiles,
    sockets: Sequence[socket.socket],
    shutdown: trio.Event,
    task_status: trio.TaskStatus[list[tuple[str, int]]],
) -> None:
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(s)) for s in sockets]
    async with trio.open_nursery() as clients:
        accept = partial(_accept, front, certificates)
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(trio.serve_listeners, accept, listeners, handler_nursery=clients)
            )
            accepting.start_soon(_check, front)
            task_status.started([s.getsockname()[:2] for s in sockets])
            await shutdown.wait()
            accepting.cancel_scope.cancel()
        for listener in listeners:
            listener.socket.close()
        front.draining = True
        await front.context.terminated.set()
        clients.cancel_scope.deadline = trio.current_time() + front.config.grace_period
        for connection in list(front.connections):
            faults.contain_now(connection.drain, connection)


async def _accept(front: Front, certificates: CertificateFiles, stream: trio.SocketStream) -> None:
    sock = socket.socket(fileno=stream.socket.detach())
    if front.open >= front.config.max_connections:
        sock.close()
        return
    front.open += 1
    try:
        await faults.contain(partial(_serve_client, front, certificates, sock))
    finally:
        front.open -= 1
        sock.close()


async def _serve_client(front: Front, certificates: CertificateFiles, sock: socket.socket) -> None:
    await ClientConnection(front, sock, certificates.context(trio.current_time())).run()


async def _check(front: Front) -> None:
    """The one clock of all connections."""
    while True:
        await trio.sleep(front.config.check_interval)
        now = trio.current_time()
        for connection in list(front.connections):
            faults.contain_now(partial(connection.check, now), connection)
