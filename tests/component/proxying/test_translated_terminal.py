"""A terminal on a kubelet that only knows SPDY: the channels of v5, raw."""

from __future__ import annotations

import json

import h11
import trio
from fake_kubelet import CLOSE, ERROR, RESIZE, STDIN, STDOUT, SUCCESS
from proxying_world import PATIENCE, PODS, UPGRADE, World, read_answer
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong


async def test_channels_of_a_terminal(world: World) -> None:
    await world.add_node("old", declaredFeatures=[])
    await world.add_pod("p", node="old")
    path = f"{PODS}/p/exec?command=cat&stdin=true&stdout=true&stderr=true&tty=true"
    stream = await world.connect()
    http = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=path, headers=[("host", "a"), *UPGRADE.items()])
    await stream.send_all((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
    with trio.fail_after(PATIENCE):
        answer = await read_answer(stream, http)
    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "v5.channel.k8s.io"
    assert answer.headers["sec-websocket-accept"] == "4EaeSCkuOGBy+rjOSJSMV+VMoC0="
    socket = Connection(ConnectionType.CLIENT)
    size = json.dumps({"Width": 80, "Height": 24}).encode()
    for message in (
        BytesMessage(bytes([RESIZE]) + size),
        # one message in two frames is one piece of input
        BytesMessage(bytes([STDIN]) + b"he", message_finished=False),
        BytesMessage(b"llo"),
        Ping(b"there?"),
        BytesMessage(bytes([CLOSE, STDIN])),
    ):
        await stream.send_all(socket.send(message))
    got: dict[int, bytes] = {}
    seen_pong, closed = False, None
    with trio.fail_after(PATIENCE):
        while closed is None:
            socket.receive_data(bytes(await stream.receive_some(65536)))
            for event in socket.events():
                if isinstance(event, BytesMessage):
                    data = bytes(event.data)
                    got[data[0]] = got.get(data[0], b"") + data[1:]
                elif isinstance(event, CloseConnection):
                    closed = event.code
                seen_pong = seen_pong or isinstance(event, Pong)
    assert got[STDOUT] == b"hello"
    assert json.loads(got[ERROR]) == SUCCESS
    assert (seen_pong, closed) == (True, 1000)
    await trio.aclose_forcefully(stream)
    await world.kubelet.until_closed()
    assert world.kubelet.heard[RESIZE] == size
    # a terminal has no stderr of its own, whatever the client asked for
    assert world.kubelet.seen[-1].query["tty"] == ["1"]
