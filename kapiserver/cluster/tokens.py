"""Join tokens: made by an administrator, kept hashed in the replicated store, valid for a while.

A token as people see it is `<CA fingerprint>.<id>.<secret>`: the first part lets the joining
machine know whom it talks to, the rest proves that it may join. Any node can check it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

import msgpack

from raftstore import Store
from raftstore.types import prefix_end

PREFIX = b"/kapi/join-tokens/"
MAX_TOKENS = 100


class TooManyTokens(Exception):
    """There are as many valid join tokens as are kept."""


class JoinTokens:
    """Times are unix seconds: tokens outlive the node that made them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, ttl_seconds: float) -> str:
        """A new secret, `<id>.<secret>`. Tokens that are past their time are removed."""
        now = time.time()
        kept = 0
        for kv in (await self._store.range(PREFIX, prefix_end(PREFIX))).kvs:
            if _expiry(kv.value) < now:
                await self._store.delete(kv.key)
            else:
                kept += 1
        if kept >= MAX_TOKENS:
            raise TooManyTokens(
                f"there are {MAX_TOKENS} join tokens already; wait until some expire"
            )
        identifier, secret = secrets.token_hex(4), secrets.token_urlsafe(24)
        value = msgpack.packb({"hash": _hash(secret), "expires": now + ttl_seconds})
        await self._store.put(PREFIX + identifier.encode(), value)
        return f"{identifier}.{secret}"

    async def valid(self, token: str) -> bool:
        identifier, _, secret = token.partition(".")
        if not identifier.isalnum() or not secret:
            return False
        await self._store.read_barrier()
        kv = self._store.get(PREFIX + identifier.encode())
        if kv is None or _expiry(kv.value) < time.time():
            return False
        expected: bytes = msgpack.unpackb(kv.value)["hash"]
        return hmac.compare_digest(expected, _hash(secret))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _expiry(value: bytes) -> float:
    expires: float = msgpack.unpackb(value)["expires"]
    return expires
