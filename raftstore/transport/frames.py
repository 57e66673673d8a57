"""Messages to bytes and back: a frame is a length (u32, big endian) and one msgpack map.

In: dicts of plain values, or bytes from a peer. Out: frames, or dicts. Nothing is executed, no
extension type is decoded, and no buffer grows past the frame limit: a peer that breaks a rule gets
`TransportError` and loses the connection.
"""

from __future__ import annotations

import struct
from typing import Any, NoReturn, TypeAlias

import msgpack

from raftstore.errors import TransportError

Message: TypeAlias = dict[str, Any]

_LENGTH = struct.Struct(">I")


def encode_frame(message: Message) -> bytes:
    body: bytes = msgpack.packb(message, use_bin_type=True)
    return _LENGTH.pack(len(body)) + body


def decode_body(body: bytes | memoryview) -> Message:
    try:
        message = msgpack.unpackb(
            body, use_list=False, raw=False, strict_map_key=True, ext_hook=_refuse_extension
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise TransportError(f"a frame is not valid msgpack: {error}") from error
    if type(message) is not dict:
        raise TransportError(f"a frame must hold a map, not {type(message).__name__}")
    return message


def _refuse_extension(code: int, data: bytes) -> NoReturn:
    raise TransportError(f"a frame holds the extension type {code}")


class FrameDecoder:
    """Cuts a stream of bytes into messages. `limit` is the largest body that is accepted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, in order."""
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        position = 0
        with memoryview(buffer) as view:
            while len(buffer) - position >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(buffer, position)
                if length > self.limit:
                    raise TransportError(
                        f"a frame of {length} bytes is over the limit of {self.limit}"
                    )
                start = position + _LENGTH.size
                if len(buffer) - start < length:
                    break
                with view[start : start + length] as body:
                    messages.append(decode_body(body))
                position = start + length
        del buffer[:position]
        return messages
