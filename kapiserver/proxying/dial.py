"""One TCP or TLS connection to a backend.

In: a target and who we are on the client's connection. Out: an open stream, or a `DialError` whose
text is the one that Go's net package would give. The address that is checked is the address that
is dialled: names are resolved here, once.
"""

from __future__ import annotations

import os
import socket
import ssl

import trio

from kapiserver.proxying.target import Address, Target, is_public, parse_address

DIAL_SECONDS = 30.0
HANDSHAKE_SECONDS = 10.0

_KEEPALIVE = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
)

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class DialError(Exception):
    """The backend cannot be reached."""


class AddressNotAllowed(Exception):
    """The backend's address is one that clients may not be connected to."""


async def dial(target: Target, ourselves: tuple[str, int] | None) -> Stream:
    """`ourselves`: the address that the client reached us at. Raises DialError, AddressNotAllowed.

    The kernel notices a peer that vanished (keepalive), so that no later read waits for ever.
    """
    stream = trio.SocketStream(await _connect(target, ourselves))
    if target.tls is None:
        return stream
    try:
        secured = trio.SSLStream(
            stream, target.tls(), server_hostname=target.host, https_compatible=True
        )
        with trio.fail_after(HANDSHAKE_SECONDS):
            await secured.do_handshake()
    except trio.TooSlowError as error:
        await trio.aclose_forcefully(stream)
        raise DialError("net/http: TLS handshake timeout") from error
    except (trio.BrokenResourceError, ssl.SSLError, OSError) as error:
        await trio.aclose_forcefully(stream)
        raise DialError(_tls_text(error)) from error
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secured


async def _connect(target: Target, ourselves: tuple[str, int] | None) -> trio.socket.SocketType:
    failure = f"dial tcp {target.authority}: i/o timeout"
    allowed = False
    with trio.move_on_after(DIAL_SECONDS):
        for family, address in await _resolve(target):
            if target.public and not is_public(_address_of(address)):
                continue
            allowed = True
            sock = trio.socket.socket(family, socket.SOCK_STREAM)
            try:
                await sock.connect(address)
                if _is_ourselves(sock, ourselves):
                    raise AddressNotAllowed("address not allowed")
                _tune(sock)
            except OSError as error:
                sock.close()
                failure = f"dial tcp {target.authority}: connect: {_os_text(error)}"
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        if not allowed:
            raise AddressNotAllowed("address not allowed")
    raise DialError(failure)


async def _resolve(target: Target) -> list[tuple[int, tuple[str, int]]]:
    try:
        found = await trio.socket.getaddrinfo(
            target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except (OSError, UnicodeError) as error:
        raise DialError(f"dial tcp: lookup {target.host}: no such host") from error
    return [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]


def _address_of(address: tuple[str, int]) -> Address:
    parsed = parse_address(str(address[0]).partition("%")[0])
    assert parsed is not None
    return parsed


def _is_ourselves(sock: trio.socket.SocketType, ourselves: tuple[str, int] | None) -> bool:
    """A connection to our own port would be answered with the rights of whoever asks (us)."""
    peer, local = sock.getpeername(), sock.getsockname()
    if ourselves is None or peer[1] != ourselves[1]:
        return False
    return peer[0] == local[0] or _address_of(peer).is_loopback


def _tune(sock: trio.socket.SocketType) -> None:
    for level, name, value in _KEEPALIVE:
        number = getattr(socket, name, None)  # not every platform has all of them
        if number is not None:
            sock.setsockopt(level, number, value)


def _os_text(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _tls_text(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return "tls: first record does not look like a TLS handshake"
    if isinstance(cause, ssl.SSLError):
        return f"remote error: tls: {(cause.reason or 'failure').lower().replace('_', ' ')}"
    return "EOF"
