"""Who is a member, entry by entry: pure data, one rule per kind of change.

In: the configuration that a snapshot or the founding of the cluster gives, and the membership
entries of the log in order. Out: the configuration at the end of the log (the one that counts,
as the Raft paper says), at any applied index, and after a cut of the log's tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgpack

from raftstore.errors import MembershipError
from raftstore.raft.stock import MEMBERSHIP
from raftstore.types import Member

ChangeKind: TypeAlias = Literal["add_learner", "promote", "remove", "update"]
Members: TypeAlias = tuple[Member, ...]

MAX_MEMBERS = 64


class MemberChange(NamedTuple):
    """`member` is the new value; for promote and remove only its node_id is looked at."""

    kind: ChangeKind
    member: Member


def encode_members(members: Members) -> bytes:
    """The log entry that makes `members` the configuration."""
    packed: bytes = msgpack.packb([tuple(member) for member in members])
    return MEMBERSHIP + packed


def decode_members(command: bytes) -> Members:
    return members_from(msgpack.unpackb(command[1:], use_list=False))


def members_from(rows: Sequence[Any]) -> Members:
    return tuple(
        Member(node_id, address, learner, meta) for node_id, address, learner, meta in rows
    )


def changed(members: Members, change: MemberChange) -> Members:
    """The configuration after `change`; MembershipError if it makes no sense."""
    node_id = change.member.node_id
    old = next((member for member in members if member.node_id == node_id), None)
    others = tuple(member for member in members if member.node_id != node_id)
    if change.kind == "add_learner":
        if old is not None:
            raise MembershipError(f"node {node_id} is a member already")
        if len(members) >= MAX_MEMBERS:
            raise MembershipError(f"a cluster has at most {MAX_MEMBERS} members")
        return _sorted((*others, change.member._replace(learner=True)))
    if old is None:
        raise MembershipError(f"node {node_id} is not a member")
    if change.kind == "promote":
        if not old.learner:
            raise MembershipError(f"node {node_id} is a voter already")
        return _sorted((*others, old._replace(learner=False)))
    if change.kind == "update":
        return _sorted((*others, change.member._replace(learner=old.learner)))
    if not any(not member.learner for member in others):
        raise MembershipError("the last voter cannot be removed")
    return others


def _sorted(members: Members) -> Members:
    return tuple(sorted(members))


class Configurations:
    """The membership entries that are still in the log, on top of the one before the log."""

    def __init__(self, *history: tuple[int, Members]) -> None:
        self._history = list(history)

    @property
    def current(self) -> Members:
        return self._history[-1][1]

    @property
    def index(self) -> int:
        """The entry that made the current configuration."""
        return self._history[-1][0]

    def since(self, node_id: str) -> int:
        """The entry with which the membership of `node_id` began, as far back as is known; no
        entry that can still be sent lies between the true one and this one."""
        since = self.index
        for index, members in reversed(self._history):
            if all(member.node_id != node_id for member in members):
                break
            since = index
        return since

    def append(self, index: int, members: Members) -> None:
        self._history.append((index, members))

    def truncate_from(self, index: int) -> bool:
        """Entries from `index` on were cut off. True if the configuration is another one now."""
        before = len(self._history)
        while len(self._history) > 1 and self._history[-1][0] >= index:
            self._history.pop()
        return len(self._history) != before

    def at(self, index: int) -> tuple[int, Members]:
        """The configuration in force at `index`, and the entry that made it."""
        found = self._history[0]
        for item in self._history:
            if item[0] > index:
                break
            found = item
        return found

    def trim_to(self, index: int) -> None:
        """The log begins after `index` now: what was in force there is the oldest to be known."""
        while len(self._history) > 1 and self._history[1][0] <= index:
            self._history.pop(0)

    def after(self, index: int) -> list[tuple[int, Members]]:
        return [item for item in self._history if item[0] > index]

    def reset(self, index: int, members: Members, later: list[tuple[int, Members]]) -> None:
        self._history = [(index, members), *later]
