"""WebSockets for kubelets that only know SPDY.

A node declares whether its kubelet takes WebSockets (`ExtendWebSocketsToKubelet`, on by default
since 1.36). For the others the WebSocket of a client ends here: exec and attach (v5.channel.k8s.io)
become SPDY streams of remotecommand's version 4, and the SPDY that port-forward carries inside its
WebSocket is unpacked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from kapiserver.api.call import Call
from kapiserver.proxying import spdy
from kapiserver.proxying.backend import Backend
from kapiserver.proxying.forward import TUNNEL_BYTES, Run, switched, until_left
from kapiserver.proxying.headers import request_fields
from kapiserver.proxying.target import Target
from kapiserver.request import Duplex, Response
from kapiserver.websockets import (
    GOING_WELL,
    PROTOCOL_ERROR,
    ServerSocket,
    accept_fields,
    asked_protocols,
)

FEATURE = "ExtendWebSocketsToKubelet"
CHANNELS = "v5.channel.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
_COMMAND_VERSION = b"v4.channel.k8s.io"
_FORWARD_VERSION = b"portforward.k8s.io"

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_NAMES = {ERROR: "error", STDIN: "stdin", STDOUT: "stdout", STDERR: "stderr", RESIZE: "resize"}

BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)


def takes_websockets(node: Mapping[str, Any]) -> bool:
    return FEATURE in (node.get("status", {}).get("declaredFeatures") or ())


def needed(call: Call, node: Mapping[str, Any], protocol: str) -> bool:
    """Must a WebSocket with this subprotocol be translated for the node's kubelet?"""
    return protocol in asked_protocols(call.context.request) and not takes_websockets(node)


async def command(call: Call, target: Target, channels: list[int]) -> Response:
    """exec and attach. `channels`: those that were asked for, in the order of remotecommand."""
    return await _translated(call, target, CHANNELS, _COMMAND_VERSION, partial(_command, channels))


async def tunnel(call: Call, target: Target) -> Response:
    """port-forward."""
    return await _translated(call, target, TUNNEL, _FORWARD_VERSION, _unpack)


async def _translated(
    call: Call, target: Target, protocol: str, version: bytes, run: Run
) -> Response:
    request = call.context.request
    dropped = (b"upgrade", b"x-stream-protocol-version")
    fields = [
        (name, value)
        for name, value in request_fields(request, upgrade=True)
        if name not in dropped and not name.startswith(b"sec-websocket-")
    ]
    fields += [(b"upgrade", b"SPDY/3.1"), (b"x-stream-protocol-version", version)]
    answer = accept_fields(request, protocol)
    return await switched(call, "POST", target, fields, lambda _: answer, run)


# -- exec and attach ------------------------------------------------------------------------------


class _Kubelet:
    """The SPDY side: one writer at a time."""

    def __init__(self, backend: Backend) -> None:
        self.framer = spdy.Framer()
        self._stream = backend.stream
        self._sending = trio.Lock()

    async def send(self, make: Callable[[], bytes]) -> None:
        """`make` runs under the lock: headers are compressed in the order in which they leave."""
        async with self._sending:
            await self._stream.send_all(make())

    async def receive(self) -> bytes:
        return bytes(await self._stream.receive_some(TUNNEL_BYTES))


async def _command(channels: list[int], backend: Backend, early: bytes, client: Duplex) -> None:
    socket, kubelet = ServerSocket(client), _Kubelet(backend)
    streams = {channel: 2 * number + 1 for number, channel in enumerate(channels)}
    try:
        for channel, stream in streams.items():
            headers = {"streamtype": _NAMES[channel]}
            await kubelet.send(partial(kubelet.framer.open, stream, headers))
        async with trio.open_nursery() as nursery:

            async def upload() -> None:
                try:
                    await _from_client(socket, kubelet, streams)
                except BROKEN:
                    return  # what the kubelet has still to say is read by the other direction
                nursery.cancel_scope.cancel()

            nursery.start_soon(upload)
            nursery.start_soon(until_left, client, nursery.cancel_scope)
            code = await _from_kubelet(socket, kubelet, streams, early)
            await socket.close(code)
            nursery.cancel_scope.cancel()
    except BROKEN:
        await socket.close()


async def _from_client(socket: ServerSocket, kubelet: _Kubelet, streams: dict[int, int]) -> None:
    """Until the client closes. A message's first byte says which channel it is for."""
    channel = ERROR
    while (part := await socket.receive()) is not None:
        data, starts = part
        if starts:
            channel, data = data[0], data[1:]
        if channel == CLOSE:
            stream = streams.get(data[0]) if data else None
            if stream is not None:
                await kubelet.send(partial(kubelet.framer.data, stream, b"", fin=True))
        elif channel in (STDIN, RESIZE) and data and channel in streams:
            await kubelet.send(partial(kubelet.framer.data, streams[channel], data))


async def _from_kubelet(
    socket: ServerSocket, kubelet: _Kubelet, streams: dict[int, int], early: bytes
) -> int:
    """Until the kubelet has ended everything that it writes; the close code to tell the client."""
    channels = {stream: channel for channel, stream in streams.items()}
    unfinished = {streams[channel] for channel in (ERROR, STDOUT, STDERR) if channel in streams}
    data = early or await _received(kubelet)
    while data:
        try:
            for event in kubelet.framer.feed(data):
                if isinstance(event, spdy.Data):
                    channel = channels.get(event.stream)
                    wanted = event.data and channel is not None
                    if wanted and not await socket.send(bytes([channel or 0]) + event.data):
                        return GOING_WELL
                    if event.fin:
                        unfinished.discard(event.stream)
                elif isinstance(event, spdy.Reset):
                    unfinished.discard(event.stream)
                elif isinstance(event, spdy.Ping):
                    with suppress(*BROKEN):
                        await kubelet.send(partial(kubelet.framer.ping, event.id))
        except spdy.SpdyError:
            return PROTOCOL_ERROR
        if not unfinished:
            return GOING_WELL
        data = await _received(kubelet)
    return GOING_WELL


async def _received(kubelet: _Kubelet) -> bytes:
    try:
        return await kubelet.receive()
    except BROKEN:
        return b""


# -- port-forward ---------------------------------------------------------------------------------


async def _unpack(backend: Backend, early: bytes, client: Duplex) -> None:
    socket, stream = ServerSocket(client), backend.stream
    async with trio.open_nursery() as nursery:

        async def upload() -> None:
            try:
                while (part := await socket.receive()) is not None:
                    await stream.send_all(part[0])
            except BROKEN:
                return
            nursery.cancel_scope.cancel()

        nursery.start_soon(upload)
        nursery.start_soon(until_left, client, nursery.cancel_scope)
        try:
            data = early or bytes(await stream.receive_some(TUNNEL_BYTES))
            while data and await socket.send(data):
                data = bytes(await stream.receive_some(TUNNEL_BYTES))
        except BROKEN:
            pass  # a backend that is gone is one that has finished
        await socket.close()
        nursery.cancel_scope.cancel()
