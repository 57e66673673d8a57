"""PEM blocks as Go's encoding/pem finds them: whatever is between blocks is passed over.

In: bytes. Out: the blocks in order. A block that is broken is no block. One pass over the lines,
whatever they are.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import NamedTuple

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"


class Block(NamedTuple):
    kind: str
    has_headers: bool
    data: bytes


def pem_blocks(text: bytes) -> Iterator[Block]:
    kind, body, inside = b"", list[bytes](), False
    for raw in text.split(b"\n"):
        line = raw.rstrip(b" \t\r")
        if line.startswith(_BEGIN) and line.endswith(_DASHES):
            kind, body, inside = _name(line, _BEGIN), [], True
        elif not inside:
            continue
        elif line.startswith(_END) and line.endswith(_DASHES):
            inside = False
            block = _block(kind, body) if _name(line, _END) == kind else None
            if block is not None:
                yield block
        else:
            body.append(line)


def decoded(encoded: str) -> bytes:
    """The bytes of a field that holds base64, which decoding has looked at."""
    try:
        return base64.b64decode(encoded)
    except ValueError:  # stored by something that does not look
        return b""


def _name(line: bytes, mark: bytes) -> bytes:
    return line[len(mark) : -len(_DASHES)]


def _block(kind: bytes, body: list[bytes]) -> Block | None:
    headers = next((n for n, line in enumerate(body) if b":" not in line), len(body))
    try:
        data = binascii.a2b_base64(b"".join(body[headers:]), strict_mode=True)
    except binascii.Error:
        return None
    return Block(kind.decode("utf-8", "replace"), headers > 0, data)
