"""A node tells the cluster under which URL clients reach it."""

from __future__ import annotations

import logging

import trio

from raftstore import Store
from raftstore.errors import StoreError

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0


async def announce(store: Store, url: str) -> None:
    """Put `url` into this node's entry of the member list; returns when it is there."""
    meta = (("url", url),)
    while True:
        own = next((m for m in store.members if m.node_id == store.node_id), None)
        if own is None or own.meta == meta:
            return
        try:
            await store.member_update(own._replace(meta=meta))
        except StoreError as error:  # one change at a time: another node's may be under way
            log.debug("cannot announce %s yet: %s", url, error)
        await trio.sleep(RETRY_SECONDS)
