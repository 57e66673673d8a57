"""Lists: consistent pages, read from the cache or, for a revision in the past, from the history.

Continue tokens are upstream's (apimachinery storage/continue.go): base64url of a JSON object with
the revision of the first page and the key to go on from.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
import trio

from kapiserver.errors import ApiError, BadRequest, Expired
from kapiserver.json_syntax import problem_of
from kapiserver.storage.errors import as_status
from kapiserver.storage.object import Selection, StoredObject
from raftstore.errors import Compacted, FutureRevision

if TYPE_CHECKING:
    from kapiserver.storage.objects import ObjectStore

# How many objects are matched between two checkpoints.
MATCHES_PER_CHECKPOINT = 200
HISTORY_PAGE = 500
_INCONSISTENT = -1  # the revision in a token that goes on at the newest state
_TOKEN_VERSION = "meta.k8s.io/v1"
_BAD_KEY = "continue key is not valid"

CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)
REVISION_TOO_OLD = "The resourceVersion for the provided list is too old."


@dataclass(slots=True)
class ListQuery:
    """A list as the client asked for it. `limit` 0 means no limit.

    `exact`: the state at `resource_version`, no newer one. `counted`: tell how many are left.
    """

    selection: Selection = field(default_factory=Selection)
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    exact: bool = False
    counted: bool = True


@dataclass(slots=True)
class ListPage:
    """`remaining` counts what is left after this page; None where it is unknown."""

    items: list[StoredObject]
    revision: int
    continue_token: str = ""
    remaining: int | None = None


def encode_continue(revision: int, last_key: bytes, prefix: bytes) -> str:
    token = {
        "v": _TOKEN_VERSION,
        "rv": revision,
        "start": last_key[len(prefix) :].decode() + "\0",
    }
    return base64.urlsafe_b64encode(orjson.dumps(token)).rstrip(b"=").decode()


def decode_continue(token: str, prefix: bytes) -> tuple[int, bytes]:
    """(revision, first key) of a token; a start that leaves the prefix is refused."""
    fields = _fields(token)
    version, revision, start = fields.get("v", ""), fields.get("rv", 0), fields.get("start", "")
    if version != _TOKEN_VERSION:
        raise BadRequest(
            f"invalid continue token: {_BAD_KEY}: server does not recognize this encoded version "
            f"{version}"
        )
    if revision == 0:
        raise _bad_token(f"incorrect encoded start resourceVersion (version {_TOKEN_VERSION})")
    if not start:
        raise _bad_token(f"encoded start key empty (version {_TOKEN_VERSION})")
    key = "/" + start.removeprefix("/")
    if any(part in ("", ".", "..") for part in key[1:].split("/")):
        raise _bad_token(start)
    return revision, prefix + key[1:].encode()


_CANNOT = "json: cannot unmarshal"
_FIELDS: dict[str, tuple[type, str]] = {
    "v": (str, "string"),
    "rv": (int, "int64"),
    "start": (str, "string"),
}
_KINDS = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_BREAKS = "\r\n"
_BASE64 = frozenset(_BREAKS + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def _fields(token: str) -> dict[str, Any]:
    """What the token holds that is not null, each of its type."""
    try:
        text = _unpacked(token)
        if problem := problem_of(text):
            raise ValueError(problem)
        fields = orjson.loads(text.decode(errors="replace"))
    except ValueError as error:
        raise _bad_token(str(error)) from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        kind = _KINDS[type(fields)]
        raise _bad_token(f"{_CANNOT} {kind} into Go value of type storage.continueToken")
    held = {name: value for name, value in fields.items() if value is not None}
    for name, (wanted, go) in _FIELDS.items():
        value = held.get(name, wanted())
        if type(value) is not wanted:
            kind = (
                f"number {value}" if wanted is int and type(value) is float else _KINDS[type(value)]
            )
            where = f"into Go struct field continueToken.{name} of type {go}"
            raise _bad_token(f"{_CANNOT} {kind} {where}")
    return held


def _unpacked(token: str) -> bytes:
    """Unpadded base64url, which may hold line breaks; errors are told as Go tells them."""
    digits = [character for character in token if character not in _BREAKS]
    wrong = next((at for at, found in enumerate(token) if found not in _BASE64), None)
    if wrong is None and len(digits) % 4 == 1:
        wrong = len(token) - 1
    if wrong is not None:
        raise ValueError(f"illegal base64 data at input byte {len(token[:wrong].encode())}")
    return base64.urlsafe_b64decode("".join(digits) + "=" * (-len(digits) % 4))


def _bad_token(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: {_BAD_KEY}: {why}")


class Lister:
    """Lists of one resource."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def page(self, query: ListQuery) -> ListPage:
        """A page; raises Expired, Timeout (a revision too far ahead) and BadRequest."""
        storage = self._objects.storage
        prefix = self._objects.keys.range_prefix(query.selection.namespace)
        if query.continue_token:
            revision, start = decode_continue(query.continue_token, prefix)
            if query.resource_version not in ("", "0"):
                raise BadRequest("specifying resource version is not allowed when using continue")
            if revision != _INCONSISTENT:
                if revision == storage.revision:
                    return await self._from_cache(query, prefix, start)
                await storage.wait_revision(revision)
                return await self._from_history(query, prefix, start, revision)
            await storage.barrier()
            return await self._from_cache(query, prefix, start)
        wanted = query.resource_version
        if query.exact:
            revision = int(wanted)
            await storage.wait_revision(revision)
            if revision == storage.revision:
                return await self._from_cache(query, prefix, b"")
            return await self._from_history(query, prefix, b"", revision)
        if wanted in ("", "0"):
            if wanted == "":
                await storage.barrier()
        else:
            await storage.wait_revision(int(wanted))
        return await self._from_cache(query, prefix, b"")

    def now(self, query: ListQuery) -> ListPage | None:
        """The page if it can be made at once from the cache (no wait, no selectors), or None."""
        storage = self._objects.storage
        if (
            query.continue_token
            or query.selection.has_selectors
            or query.exact
            or query.resource_version not in ("", "0")
            or (query.resource_version == "" and not storage.barrier_now())
        ):
            return None
        prefix = self._objects.keys.range_prefix(query.selection.namespace)
        return self._page_of(query, prefix, self._objects.cache.under(prefix))

    def _page_of(self, query: ListQuery, prefix: bytes, candidates: list[StoredObject]) -> ListPage:
        """A page of candidates that need no selector."""
        revision = self._objects.storage.revision
        if query.selection.name:
            candidates = [obj for obj in candidates if obj.name == query.selection.name]
        if not query.limit or len(candidates) <= query.limit:
            return ListPage(candidates, revision)
        items = candidates[: query.limit]
        token = encode_continue(revision, items[-1].key, prefix)
        left = len(candidates) - len(items) if query.counted else None
        return ListPage(items, revision, token, left)

    async def _from_cache(self, query: ListQuery, prefix: bytes, start: bytes) -> ListPage:
        # the candidates are taken in one step: the page is consistent though matching may pause
        revision = self._objects.storage.revision
        candidates = self._objects.cache.under(prefix, start)
        if not query.selection.has_selectors:
            return self._page_of(query, prefix, candidates)
        items, more = await self._matching(query, candidates)
        if not more:
            return ListPage(items, revision)
        return ListPage(items, revision, encode_continue(revision, items[-1].key, prefix))

    async def _matching(
        self, query: ListQuery, candidates: Iterable[StoredObject]
    ) -> tuple[list[StoredObject], bool]:
        """The matching ones up to the limit, and whether there may be more."""
        matches = query.selection.matches
        limit = query.limit
        items: list[StoredObject] = []
        rest = iter(candidates)
        while batch := list(islice(rest, MATCHES_PER_CHECKPOINT)):
            for position, obj in enumerate(batch):
                if matches(obj):
                    items.append(obj)
                    if limit and len(items) == limit:
                        more = position + 1 < len(batch) or next(rest, None) is not None
                        return items, more
            await trio.lowlevel.checkpoint()
        return items, False

    async def _from_history(
        self, query: ListQuery, prefix: bytes, start: bytes, revision: int
    ) -> ListPage:
        end = prefix[:-1] + b"0"
        cache = self._objects.cache
        selection = query.selection
        counted = query.counted and not selection.has_selectors and not selection.name
        items: list[StoredObject] = []
        position = max(prefix, start)
        while True:
            page_size = HISTORY_PAGE
            if query.limit and not selection.has_selectors and not selection.name:
                page_size = min(page_size, query.limit - len(items))
            try:
                with as_status():
                    page = self._objects.storage.backend.range_local(
                        position, end, revision=revision, limit=page_size
                    )
            except Compacted as error:
                raise self._expired(query, prefix, start) from error
            except FutureRevision as error:
                raise BadRequest(f"invalid resource version: {error}") from error
            for place, kv in enumerate(page.kvs):
                obj = cache.stored(kv)
                if not selection.matches(obj):
                    continue
                items.append(obj)
                if query.limit and len(items) == query.limit:
                    left = page.total - place - 1
                    if not left:
                        return ListPage(items, revision)
                    token = encode_continue(revision, kv.key, prefix)
                    return ListPage(items, revision, token, left if counted else None)
            if not page.more:
                return ListPage(items, revision)
            position = page.kvs[-1].key + b"\0"
            await trio.lowlevel.checkpoint()

    def _expired(self, query: ListQuery, prefix: bytes, start: bytes) -> ApiError:
        if not query.continue_token:
            return Expired(REVISION_TOO_OLD)
        fresh = encode_continue(_INCONSISTENT, start.rstrip(b"\0"), prefix)
        return ContinueExpired(CONTINUE_TOO_OLD, fresh)


class ContinueExpired(Expired):
    """410 that offers a token to go on with an inconsistent list (metadata.continue)."""

    def __init__(self, message: str, continue_token: str) -> None:
        super().__init__(message)
        self.continue_token = continue_token

    def status(self) -> dict[str, object]:
        status = super().status()
        status["metadata"] = {"continue": self.continue_token}
        return status
