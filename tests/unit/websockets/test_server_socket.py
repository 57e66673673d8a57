"""The server's end of a WebSocket, without a network: framing, and what follows half a message."""

from __future__ import annotations

import pytest
import trio
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from kapiserver.request import Frame, ResponseStream, StreamCut
from kapiserver.websockets import MessageForm, ServerSocket, over_websocket
from kapiserver.websockets.socket import message


class Wire:
    """A connection that a client reads only when it is told to."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.client = Connection(ConnectionType.CLIENT)
        self.stuck = stuck
        self.full = False
        self.left = trio.Event()
        self._to_client = b""
        self._pushed = b""
        self._send, self._receive = trio.open_memory_channel[bytes](10)

    def push(self, frame: Frame) -> bool:
        if not self.full:
            self._pushed += frame.data
        return not self.full

    def flush(self) -> None:
        self._to_client += self._pushed
        self._pushed = b""

    async def send(self, data: bytes) -> bool:
        self.flush()
        if self.stuck:
            self._to_client += data[: len(data) // 2]
            await trio.sleep_forever()
        self._to_client += data
        await trio.lowlevel.checkpoint()
        return True

    async def receive(self) -> bytes:
        return await self._receive.receive()

    async def closed(self) -> None:
        await self.left.wait()

    async def say(self, event: Event) -> None:
        await self._send.send(self.client.send(event))

    def heard(self) -> list[Event]:
        self.client.receive_data(self._to_client)
        self._to_client = b""
        return list(self.client.events())


LINES = MessageForm(text=True, split=lambda data: data.splitlines(keepends=True))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("text", [True, False])
def test_messages_of_all_sizes(size: int, text: bool) -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(message(b"x" * size, text=text) + message(b"y", text=text))
    kind = TextMessage if text else BytesMessage
    got = [0]
    for event in client.events():
        assert isinstance(event, kind)
        got[-1] += len(event.data)
        if event.message_finished:
            got.append(0)
    assert got == [size, 1, 0]


async def test_one_frame_is_made_into_messages_once_for_all_sockets() -> None:
    frame = Frame(b"one\ntwo\n")
    wires = [Wire(), Wire()]

    async def run(stream: ResponseStream) -> None:
        assert stream.push(frame)
        stream.flush()

    for wire in wires:
        await over_websocket(run, LINES)(wire)
    assert frame.messages is not None
    made = frame.messages.data
    for wire in wires:
        assert wire.heard() == [
            TextMessage("one\n"),
            TextMessage("two\n"),
            CloseConnection(1000, ""),
        ]
    assert made.count(b"one\n") == 1


async def test_a_full_connection_takes_no_more() -> None:
    wire = Wire()
    taken: list[bool] = []

    async def run(stream: ResponseStream) -> None:
        for wire.full in (False, True, False):
            taken.append(stream.push(Frame(b"event\n")))
        stream.flush()

    await over_websocket(run, LINES)(wire)
    assert taken == [True, False, True]
    assert len(wire.heard()) == 3


async def test_nothing_follows_half_a_message() -> None:
    wire = Wire(stuck=True)

    async def run(stream: ResponseStream) -> None:
        with trio.move_on_after(0.01):
            await stream.send(b"x" * 1000 + b"\n")
        assert not stream.push(Frame(b"event\n"))
        assert not await stream.send(b"event\n")

    await over_websocket(run, LINES)(wire)
    (part,) = wire.heard()
    assert isinstance(part, TextMessage)
    assert not part.message_finished


async def test_a_stream_that_breaks_off_is_not_closed_as_if_it_were_complete() -> None:
    wire = Wire()

    async def run(stream: ResponseStream) -> None:
        await stream.send(b"some\n")
        raise StreamCut

    with pytest.raises(StreamCut):
        await over_websocket(run, LINES)(wire)
    assert wire.heard() == [TextMessage("some\n")]


@pytest.mark.parametrize("end", ["client", "connection"])
async def test_the_stream_is_told_when_it_is_over(end: str) -> None:
    wire = Wire()

    async def run(stream: ResponseStream) -> None:
        await wire.say(TextMessage("ignored"))
        await wire.say(Ping(b"1"))
        if end == "client":
            await wire.say(CloseConnection(1001))
        else:
            wire.left.set()
        await stream.closed()

    with trio.fail_after(5):
        await over_websocket(run, LINES)(wire)
    heard = wire.heard()
    if end == "client":
        assert heard == [Pong(b"1"), CloseConnection(1001, "")]
    else:
        assert heard[-1] == CloseConnection(1000, "")


async def test_bytes_that_are_no_websocket_end_it() -> None:
    wire = Wire()
    socket = ServerSocket(wire)
    await wire._send.send(b"\xff\xff\xff\xff")
    assert await socket.receive() is None
    (event,) = wire.heard()
    assert isinstance(event, CloseConnection)
    assert event.code == 1002
