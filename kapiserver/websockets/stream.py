"""A streamed answer as the messages of a WebSocket.

In: the stream function of an answer. Out: the upgrade function that runs it. What the stream gets
is bounded and framed as any other: a message is made once for all sockets that send it, and `push`
says no when the connection's buffers are full. What the client sends is discarded, except that it
may ask whether we are there, and leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import trio

from kapiserver.request import Duplex, Frame, StreamCut, StreamFunction, UpgradeFunction
from kapiserver.websockets.socket import ServerSocket, message


@dataclass(frozen=True, slots=True)
class MessageForm:
    """How the stream's bytes become messages. `split` gets whole messages, one or many."""

    text: bool
    split: Callable[[bytes], Iterable[bytes]]

    def of(self, data: bytes) -> bytes:
        return b"".join([message(each, text=self.text) for each in self.split(data)])


class MessageStream:
    """The `ResponseStream`."""

    def __init__(self, client: Duplex, form: MessageForm) -> None:
        self.socket = ServerSocket(client)
        self._client = client
        self._form = form
        self._left = trio.Event()

    def push(self, frame: Frame) -> bool:
        ready = frame.messages
        if ready is None:
            ready = frame.messages = Frame(self._form.of(frame.data))
        return self.socket.push(ready)

    def flush(self) -> None:
        self._client.flush()

    async def send(self, data: bytes) -> bool:
        return await self.socket.send_messages(self._form.of(data))

    async def closed(self) -> None:
        await self._left.wait()

    async def discard_input(self) -> None:
        while await self.socket.receive() is not None:
            pass
        self._left.set()

    async def await_end(self) -> None:
        await self._client.closed()
        self._left.set()


def over_websocket(run: StreamFunction, form: MessageForm) -> UpgradeFunction:
    """Runs the stream function; then the socket is closed. One that is cut off is not."""

    async def upgraded(client: Duplex) -> None:
        stream = MessageStream(client, form)
        cut: StreamCut | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.discard_input)
            nursery.start_soon(stream.await_end)
            try:
                await run(stream)
            except StreamCut as error:
                cut = error
            nursery.cancel_scope.cancel()
        if cut is not None:
            raise cut
        await stream.socket.close()

    return upgraded
