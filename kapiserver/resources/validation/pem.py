"""PEM blocks as Go's encoding/pem finds them: whatever is between blocks is passed over.

In: bytes. Out: the blocks in order. A block that is broken is no block.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

_BLOCK = re.compile(
    rb"^-----BEGIN ([^\n]*?)-----[ \t\r]*\n(.*?)^-----END \1-----[ \t\r]*$",
    re.MULTILINE | re.DOTALL,
)
_HEADER = re.compile(rb"[^:\n]*:[^\n]*(?:\n|$)")


class Block(NamedTuple):
    kind: str
    has_headers: bool
    data: bytes


def pem_blocks(text: bytes) -> Iterator[Block]:
    for match in _BLOCK.finditer(text):
        body, headers = match.group(2), False
        while header := _HEADER.match(body):
            headers = True
            body = body[header.end() :]
        try:
            data = binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
        except binascii.Error:
            continue
        yield Block(match.group(1).decode("utf-8", "replace"), headers, data)
