"""The first exchange on a connection: both sides say who they are, or why they refuse.

The dialler says hello, the acceptor checks it and says hello, the dialler checks that and says
welcome; either may say refused instead. Only then is there a link, on both sides. A refusal gives
its reason, so that the operator of the other machine reads what is wrong there and not only here.
Identity comes from the certificate; the claim in the hello must match it. Without TLS (loopback
test mode) the claim is all there is.
"""

from __future__ import annotations

from typing import NamedTuple

from raftstore.errors import TransportError
from raftstore.transport.frames import FrameDecoder, Message, encode_frame
from raftstore.transport.schema import Schema, check_message
from raftstore.transport.stream import PeerStream
from raftstore.transport.tls import identity_of

PROTOCOL = 1  # what this version speaks
OLDEST_PROTOCOL = 1  # the oldest it still understands

FIRST_MESSAGES: Schema = {
    "hello": {
        "protocol": (int,),
        "oldest": (int,),
        "cluster_id": (str,),
        "node_id": (str,),
        "to": (str,),
        "boot": (bytes,),
    },
    "welcome": {},
    "refused": {"reason": (str,)},
    "join": {"request": (bytes,)},
    "joined": {"answer": (bytes,)},
    "authority": {},
    "authority_is": {"pem": (str,)},
}


class Hello(NamedTuple):
    protocol: int
    oldest: int
    cluster_id: str
    node_id: str
    to: str  # whom the dialler expects; the acceptor answers with the dialler's id
    boot: bytes  # random per start of the process: tells a restarted peer from a second link

    def message(self) -> Message:
        return {"type": "hello", **self._asdict()}


def hello_from(message: Message) -> Hello:
    return Hello(**{field: message[field] for field in Hello._fields})


async def receive_first(stream: PeerStream, decoder: FrameDecoder) -> tuple[Message, list[Message]]:
    """The message that is due in this phase, and what came right behind it."""
    while True:
        data = await stream.receive_some()
        if not data:
            raise TransportError("the connection was closed during the hello")
        messages = decoder.feed(data)
        if messages:
            check_message(FIRST_MESSAGES, messages[0])
            return messages[0], messages[1:]


async def refuse(stream: PeerStream, reason: str) -> None:
    await stream.send_all(encode_frame({"type": "refused", "reason": reason[:500]}))


def check_hello(theirs: Hello, ours: Hello, stream: PeerStream) -> None:
    """Raise TransportError with the reason if `theirs` may not talk to us."""
    if theirs.protocol < ours.oldest or ours.protocol < theirs.oldest:
        raise TransportError(
            f"{theirs.node_id} speaks protocol {theirs.oldest} to {theirs.protocol}, "
            f"{ours.node_id} speaks {ours.oldest} to {ours.protocol}: "
            "upgrade one version at a time"
        )
    if theirs.cluster_id != ours.cluster_id:
        raise TransportError(
            f"{theirs.node_id} belongs to cluster {theirs.cluster_id}, "
            f"{ours.node_id} to cluster {ours.cluster_id}"
        )
    if stream.encrypted:
        identity = identity_of(stream.peer_certificate())
        if identity is None:
            raise TransportError("a member needs a certificate with the URI raftstore:<node id>")
        if identity != theirs.node_id:
            raise TransportError(
                f"the certificate is {identity}'s, but the peer calls itself {theirs.node_id}"
            )
    if theirs.node_id == ours.node_id:
        raise TransportError(f"both sides are called {ours.node_id}")
    if theirs.to != ours.node_id:
        raise TransportError(f"{theirs.node_id} expected {theirs.to}, but this is {ours.node_id}")
    if ours.to and theirs.node_id != ours.to:
        raise TransportError(f"expected {ours.to}, but {theirs.node_id} answered")


async def greet(
    stream: PeerStream, ours: Hello, decoder: FrameDecoder
) -> tuple[Hello, list[Message]]:
    """The dialler's side. Returns the peer's hello and the messages that came right behind it.

    TransportError says who refused and why.
    """
    await stream.send_all(encode_frame(ours.message()))
    message, rest = await receive_first(stream, decoder)
    _expect(message, "hello", ours.to)
    theirs = hello_from(message)
    try:
        check_hello(theirs, ours, stream)
    except TransportError as error:
        await refuse(stream, str(error))
        raise
    await stream.send_all(encode_frame({"type": "welcome"}))
    return theirs, rest


async def answer(
    stream: PeerStream, theirs: Hello, ours: Hello, decoder: FrameDecoder
) -> list[Message]:
    """The acceptor's side, once `theirs` is found to be in order. Returns what came behind it."""
    await stream.send_all(encode_frame(ours._replace(to=theirs.node_id).message()))
    message, rest = await receive_first(stream, decoder)
    _expect(message, "welcome", theirs.node_id)
    return rest


def _expect(message: Message, kind: str, peer: str) -> None:
    if message["type"] == "refused":
        raise TransportError(f"{peer} refused: {message['reason']}")
    if message["type"] != kind:
        raise TransportError(f"{peer} sent {message['type']} where {kind} is due")
