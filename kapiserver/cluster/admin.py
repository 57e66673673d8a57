"""The administrators' paths below /kapi/v1/: status, members, tokens, snapshot.

For `kapiserver status|member|token|snapshot` and for scripts. JSON in, JSON out; errors are Status
objects as everywhere else. Who may call them is decided before (system:masters).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import trio

from kapiserver.cluster.tokens import JoinTokens, TooManyTokens
from kapiserver.errors import (
    BadRequest,
    Conflict,
    MethodNotAllowed,
    NotFound,
    TooManyRequests,
)
from kapiserver.pki import Authority
from kapiserver.request import Request, Response, ResponseStream, json_headers
from kapiserver.storage.errors import as_status
from raftstore import Member, Store

PREFIX = "/kapi/v1/"
CHUNK = 256 * 1024
BODY_LIMIT = 64 * 1024
DEFAULT_TOKEN_SECONDS = 24 * 3600.0

_BACKUP = ("backup-", ".kapi")


def remove_unfinished_backups(data_dir: Path) -> None:
    """Files of backups during which the node died. Call it before anybody can ask for a backup."""
    for path in data_dir.glob("*".join(_BACKUP)):
        path.unlink()


class Admin:
    """Answers requests whose path starts with PREFIX."""

    def __init__(
        self, store: Store, *, peer_address: str, authority: Authority | None, data_dir: str
    ) -> None:
        self._store = store
        self._peer_address = peer_address
        self._authority = authority
        self._data_dir = data_dir

    async def respond(self, request: Request) -> Response:
        """Raises ApiError."""
        parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        match (request.method, parts):
            case ("GET", ["status"]):
                return _json(self._status())
            case ("GET", ["members"]):
                return _json({"members": self._members()})
            case ("POST", ["members"]):
                return await self._add(request)
            case ("DELETE", ["members", name]):
                return await self._remove(name)
            case ("POST", ["tokens"]):
                return await self._token(request)
            case ("GET", ["snapshot"]):
                return await self._snapshot()
            case (_, ["status" | "members" | "tokens" | "snapshot", *_]):
                raise MethodNotAllowed()
        raise NotFound.resource()

    def _status(self) -> dict[str, Any]:
        status = self._store.status()
        return {
            "name": status.node_id,
            "clusterId": status.cluster_id,
            "role": status.role,
            "leader": status.leader_id,
            "term": status.term,
            "commitIndex": status.commit_index,
            "appliedIndex": status.applied_index,
            "appliedRevision": status.revision,
            "compactRevision": status.compact_revision,
            "stateHash": status.state_hash,
            "stateHashIndex": status.hash_index,
            "databaseSize": status.db_size,
            "logSize": status.wal_size,
            "snapshotIndex": status.snapshot_index,
            "peers": [
                {"name": peer.node_id, "connected": peer.connected, "lag": peer.lag}
                for peer in status.peers
            ],
        }

    def _members(self) -> list[dict[str, Any]]:
        leader = self._store.leader_id
        return [
            {
                "name": member.node_id,
                "peerAddress": member.address,
                "url": dict(member.meta).get("url", ""),
                "role": "leader"
                if member.node_id == leader
                else "learner"
                if member.learner
                else "follower",
            }
            for member in self._store.members
        ]

    async def _add(self, request: Request) -> Response:
        """A learner. One that has lost its data comes back as a new member: the old one goes first,
        because a voter that has forgotten its votes could help to elect a leader that lacks data.
        """
        body = await self._body(request)
        try:
            name, address, url = str(body["name"]), str(body["peerAddress"]), str(body["url"])
        except KeyError as error:
            raise BadRequest(f"the body must have name, peerAddress and url: {error}") from error
        member = Member(name, address, True, (("url", url),))
        known = {m.node_id: m for m in self._store.members}.get(name)
        with as_status():
            if known is not None and not (known.learner and known.address == address):
                await self._store.member_remove(name)
                known = None
            if known is None:
                await self._store.member_add_learner(member)
        return _json({"added": name}, status=201)

    async def _body(self, request: Request) -> dict[str, Any]:
        try:
            body = orjson.loads(await request.body(BODY_LIMIT) or b"{}")
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise BadRequest("the body must be a JSON object")
        return body

    async def _remove(self, name: str) -> Response:
        if name not in {member.node_id for member in self._store.members}:
            raise NotFound(f'there is no member "{name}"', name=name)
        with as_status():
            await self._store.member_remove(name)
        return _json({"removed": name})

    async def _token(self, request: Request) -> Response:
        if self._authority is None:
            raise Conflict(
                "this node cannot let others join: it runs without --cluster-ca-key-file"
            )
        body = await self._body(request)
        try:
            ttl = float(body.get("ttlSeconds", DEFAULT_TOKEN_SECONDS))
        except (ValueError, TypeError) as error:
            raise BadRequest(f"ttlSeconds must be a number: {error}") from error
        try:
            with as_status():
                secret = await JoinTokens(self._store).create(ttl)
        except TooManyTokens as error:
            raise TooManyRequests(str(error), retry_after=60) from error
        token = f"{self._authority.fingerprint()}.{secret}"
        return _json({"token": token, "peerAddress": self._peer_address}, status=201)

    async def _snapshot(self) -> Response:
        """The node's state as a snapshot file, made first, then streamed."""
        descriptor, path = tempfile.mkstemp(
            dir=self._data_dir, prefix=_BACKUP[0], suffix=_BACKUP[1]
        )
        os.close(descriptor)

        try:
            with as_status():
                await self._store.snapshot_save(path)
            file = await trio.open_file(path, "rb")
        finally:
            os.unlink(path)  # whoever reads it holds it; nothing stays behind when nobody does

        async def stream(out: ResponseStream) -> None:
            async with file:
                while chunk := await file.read(CHUNK):
                    if not await out.send(chunk):
                        return

        headers: Sequence[tuple[bytes, bytes]] = [(b"content-type", b"application/octet-stream")]
        return Response(200, list(headers), stream=stream)


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(status, json_headers(), orjson.dumps(document))
