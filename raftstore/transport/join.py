"""How a machine without a certificate asks to become a member.

raftstore carries one request and one answer, both small dicts of plain values, over TLS; what is
in them (a token, a signing request, a certificate) is the business of the layer above, which
passes `on_join`. The joiner checks the server against an authority it already has, or against a
pin: it asks for the authority's certificate on a first connection that sends nothing secret,
compares its SHA-256 with the pin, and only then sends the request on a second, verified one.
Requests are limited in size, time, rate and number.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgpack
import trio

from raftstore.errors import StoreError, TransportError
from raftstore.transport.frames import FrameDecoder, Message, decode_body, encode_frame
from raftstore.transport.hello import receive_first, refuse
from raftstore.transport.limits import TransportLimits
from raftstore.transport.schema import check_plain
from raftstore.transport.stream import PeerStream
from raftstore.transport.tls import identity_of, joiner_context

JoinHandler: TypeAlias = Callable[[Message], Awaitable[Message]]


class JoinRefused(TransportError):
    """Raised by `on_join` to turn a request down; the text is sent to the joiner. (The text of any
    other StoreError is sent as well; another exception ends the node.)"""


class TokenBucket:
    """`rate` per second, at most `burst` at once. Pure: the caller brings the time."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._then = now

    def take(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class JoinDesk:
    """The listener's side."""

    def __init__(
        self, handler: JoinHandler | None, limits: TransportLimits, ca_pem: Callable[[], str] | None
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._ca_pem = ca_pem
        self._bucket = TokenBucket(limits.join_rate, limits.join_burst, trio.current_time())

    async def answer(self, stream: PeerStream, message: Message) -> None:
        """Serve one first message that is not a hello."""
        if self._handler is None or self._ca_pem is None:
            await refuse(stream, "this node does not take join requests")
        elif not self._bucket.take(trio.current_time()):
            await refuse(stream, "too many join requests; try again in a few seconds")
        elif message["type"] == "authority":
            await stream.send_all(encode_frame({"type": "authority_is", "pem": self._ca_pem()}))
        elif message["type"] == "join":
            await self._join(stream, message["request"])
        else:
            await refuse(stream, f"a connection cannot begin with {message['type']}")

    async def _join(self, stream: PeerStream, request: bytes) -> None:
        assert self._handler is not None
        try:
            with trio.fail_after(self._limits.join_timeout):
                answer = await self._handler(_decode(request))
        except StoreError as error:  # also what the handler met while it used the store
            await refuse(stream, str(error))
        except trio.TooSlowError:
            await refuse(stream, "the request took too long")
        else:
            body: bytes = msgpack.packb(answer, use_bin_type=True)
            await stream.send_all(encode_frame({"type": "joined", "answer": body}))


def pin_of(ca_pem: str) -> str:
    """`sha256:<hex>` of the authority's certificate (the first one, if there are several)."""
    end = "-----END CERTIFICATE-----"
    first = ca_pem[: ca_pem.find(end) + len(end)] if end in ca_pem else ca_pem
    try:
        der = ssl.PEM_cert_to_DER_cert(first[max(first.find("-----BEGIN"), 0) :])
    except ValueError as error:
        raise TransportError(f"the authority's certificate cannot be read: {error}") from error
    return "sha256:" + hashlib.sha256(der).hexdigest()


async def request_join(
    address: str,
    request: Message,
    *,
    ca_pem: str | None = None,
    ca_pin: str | None = None,
    timeout: float = 30.0,
    limits: TransportLimits | None = None,
) -> Message:
    """Send `request` to the member at `address` and return its answer.

    Exactly one of `ca_pem` (the authority, already known) and `ca_pin` (see `pin_of`) says whom to
    trust. Raises JoinRefused with the member's reason, TransportError for everything else.
    """
    if (ca_pem is None) == (ca_pin is None):
        raise ValueError("exactly one of ca_pem and ca_pin is needed")
    limits = limits or TransportLimits()
    body: bytes = msgpack.packb(request, use_bin_type=True)
    if len(body) > limits.max_first_frame // 2:
        raise TransportError(f"a join request of {len(body)} bytes is too large")
    try:
        with trio.fail_after(timeout):
            if ca_pin is not None:
                ca_pem = await _ask_authority(address, ca_pin, limits)
            answer = await _ask(
                address, joiner_context(ca_pem=ca_pem), {"type": "join", "request": body}, limits
            )
    except trio.TooSlowError:
        raise TransportError(f"{address} did not answer within {timeout} s") from None
    if answer["type"] != "joined":
        raise TransportError(f"{address} answered a join request with {answer['type']}")
    return _decode(answer["answer"])


def _decode(body: bytes) -> Message:
    message = decode_body(body)
    check_plain(message)
    return message


async def _ask_authority(address: str, pin: str, limits: TransportLimits) -> str:
    answer = await _ask(address, joiner_context(ca_pem=None), {"type": "authority"}, limits)
    if answer["type"] != "authority_is":
        raise TransportError(f"{address} did not name its authority")
    pem: str = answer["pem"]
    if not hmac.compare_digest(pin_of(pem), pin):
        raise TransportError(f"the authority of {address} does not match the pin: do not trust it")
    return pem


async def _ask(
    address: str, context: ssl.SSLContext, message: Message, limits: TransportLimits
) -> Message:
    host, port = split_address(address)
    stream: PeerStream | None = None
    try:
        tcp = await trio.open_tcp_stream(host, port)
        stream = PeerStream.adopt(tcp, context, server_side=False)
        await stream.handshake()
        verified = context.verify_mode is ssl.CERT_REQUIRED
        if verified and identity_of(stream.peer_certificate()) is None:
            raise TransportError(f"{address} is not a member: its certificate names no node")
        await stream.send_all(encode_frame(message))
        answer, _ = await receive_first(stream, FrameDecoder(limits.max_first_frame))
    except OSError as error:
        raise TransportError(f"cannot ask {address}: {error}") from error
    finally:
        if stream is not None:
            stream.close()
    if answer["type"] == "refused":
        raise JoinRefused(answer["reason"])
    return answer


def split_address(address: str) -> tuple[str, int]:
    """host:port, with an IPv6 host in brackets."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"an address must be host:port, not {address!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
