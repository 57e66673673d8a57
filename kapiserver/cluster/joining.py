"""Taking in a new node: check its token, make it a learner, promote it when it has caught up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import trio

from kapiserver.cluster.tokens import JoinTokens
from kapiserver.pki import Authority
from raftstore import Store
from raftstore.errors import MembershipError, Refused, Unknown
from raftstore.transport import JoinRefused
from raftstore.types import Member

log = logging.getLogger(__name__)

PROMOTE_SECONDS = 1.0
PROMOTE_LAG = 1000  # log entries: a learner this close counts as caught up


class JoinDesk:
    """Answers join requests. `authority` is None on a node that does not have the CA's key,
    `token_key` (PEM) on one that makes no service account tokens."""

    def __init__(self, authority: Authority | None, token_key: bytes | None = None) -> None:
        self._authority = authority
        self._token_key = token_key
        self._store: Store | None = None

    def open(self, store: Store) -> None:
        """From now on requests can be served."""
        self._store = store

    async def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Add the machine as a learner; returns what it needs to start. Raises JoinRefused."""
        store, authority = self._store, self._authority
        if authority is None:
            raise JoinRefused("this node has no CA key (--cluster-ca-key-file): ask another node")
        if store is None:
            raise JoinRefused("this node is still starting; try again in a moment")
        try:
            token, name = str(request["token"]), str(request["name"])
            address, url = str(request["peer_address"]), str(request["url"])
        except KeyError as error:
            raise JoinRefused(f"the request has no {error}") from error
        if not await JoinTokens(store).valid(token):
            raise JoinRefused(
                "the token is not valid (any more): make one with 'kapiserver token create'"
            )
        member = Member(name, address, True, (("url", url),))
        await self._add(store, member)
        log.info("%s at %s joins as a learner", name, address)
        return {
            "cluster_id": store.cluster_id,
            "ca_certificate": authority.certificate_pem,
            "ca_key": authority.key_pem,
            "token_key": self._token_key or b"",
        }

    async def _add(self, store: Store, member: Member) -> None:
        known = {m.node_id: m for m in store.members}.get(member.node_id)
        if known is not None:
            if known.learner and known.address == member.address:
                return  # the answer to an earlier request was lost
            raise JoinRefused(
                f"there is a member {member.node_id} at {known.address} already: choose another "
                f"--name, or remove it first with 'kapiserver member remove {member.node_id}'"
            )
        try:
            await store.member_add_learner(member)
        except (Refused, Unknown) as error:
            raise JoinRefused(f"the cluster cannot take in a node now: {error}") from error


async def promote_learners(store: Store) -> None:
    """On the leader: make learners that have caught up voting members. Runs until cancelled."""
    while True:
        await trio.sleep(PROMOTE_SECONDS)
        if not store.is_leader:
            continue
        lags = {peer.node_id: peer.lag for peer in store.status().peers if peer.connected}
        for member in store.members:
            lag = lags.get(member.node_id, -1)
            if member.learner and 0 <= lag <= PROMOTE_LAG:
                try:
                    await store.member_promote(member.node_id)
                except (MembershipError, Refused, Unknown) as error:
                    log.warning("%s is not promoted yet: %s", member.node_id, error)
                else:
                    log.info("%s has caught up and is a voting member now", member.node_id)
