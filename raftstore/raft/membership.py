"""Membership: one change at a time, as an entry of the log that counts from when it is appended.

In: changes asked for here or by another node. Out: the sets of voters and learners that elections
and commits count, and an answer when a change is committed. SyncObj's rule decides when a change
may begin (its leadership has committed an entry; the change before is applied). Its own encoding
(pickle), its add/remove commands and its undo are replaced by whole configurations, which the log
can simply go back to.

What may not happen: a leader that removes itself (it hands over first and lets the next leader do
it); a change after which the voters that answer are no majority; a promotion of a learner that is
far behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, get_args

from raftstore.errors import MembershipError, NoLeader, Refused, StoreError, Unknown
from raftstore.raft.configurations import (
    ChangeKind,
    MemberChange,
    Members,
    changed,
    encode_members,
    members_from,
)
from raftstore.raft.messages import Message
from raftstore.raft.proposals import reason_of, refusal_from
from raftstore.raft.state import CoreState
from raftstore.raft.stock import Peer
from raftstore.types import Member
from raftstore.wal import Entry

OnChanged: TypeAlias = Callable[[StoreError | None], None]

_KINDS = frozenset(get_args(ChangeKind))
MAX_ASKED = 64


class _Waiting(NamedTuple):
    """A change that this node asked another one for, or that waits for a new leader."""

    change: MemberChange
    done: OnChanged
    deadline: float


class Membership(CoreState):
    _appended_change: tuple[int, OnChanged] | None  # the leader's, until it is committed
    _asked_changes: dict[int, _Waiting]
    _announced: Members | None  # the last members that the node above was told
    _leaving: _Waiting | None  # this leader's own removal: done by the next leader

    def _start_membership(self) -> None:
        self._appended_change = None
        self._asked_changes = {}
        self._leaving = None
        self._announced = None

    @property
    def members(self) -> Members:
        """The configuration in force: the newest in the log, committed or not."""
        return self._configs.current

    # ---- asking for a change
    def propose_member_change(self, change: MemberChange, done: OnChanged) -> None:
        """`done` gets None when the change is committed, a Refused if it will not happen, or
        Unknown if leadership was lost before that was known."""
        self._enter()
        try:
            if self._is_leading:
                self._begin_change(change, done)
            else:
                self._forward_change(change, done)
        except Refused as error:
            done(error)

    def _begin_change(self, change: MemberChange, done: OnChanged) -> None:
        if change.kind == "remove" and change.member.node_id == self.node_id:
            self._begin_leaving(change, done)
            return
        members = changed(self._configs.current, change)
        self._check_health(change, members)
        if not self._SyncObj__changeCluster(members):
            raise MembershipError("another change is under way; try again")
        self._appended_change = (self.wal.last_index, done)

    def _begin_leaving(self, change: MemberChange, done: OnChanged) -> None:
        """SyncObj's leader cannot remove itself. test_membership.py::test_the_leader_is_removed"""
        if self._leaving is not None:
            raise MembershipError("this leader is being removed already")
        if not self.transfer_leadership():
            raise MembershipError("no other voter is connected that could lead")
        deadline = self._clock() + self.config.request_timeout + self.config.election_max
        self._leaving = _Waiting(change, done, deadline)

    def _forward_change(self, change: MemberChange, done: OnChanged) -> None:
        leader = self._leader
        if len(self._asked_changes) >= MAX_ASKED:
            raise MembershipError("too many changes are waiting for an answer")
        request = self._new_request()
        member = tuple(change.member)
        if (
            leader is None
            or leader not in self._connected
            or not self._tell(
                leader, "change_members", request=request, kind=change.kind, member=member
            )
        ):
            raise NoLeader("no leader is known")
        deadline = self._clock() + 4 * self.config.request_timeout
        self._asked_changes[request] = _Waiting(change, done, deadline)

    def _drive_changes(self) -> None:
        """Part of every tick: deadlines, and our own removal once there is another leader."""
        now = self._clock()
        leaving = self._leaving
        if leaving is not None:
            # The next leader takes changes as soon as it has committed in its own term.
            ready = self.wal.term(self.commit_index) == self.term
            if not self._is_leading and self._leader is not None and ready:
                self._leaving = None
                self.propose_member_change(leaving.change, leaving.done)
            elif now > leaving.deadline:
                self._leaving = None
                leaving.done(MembershipError("leadership could not be handed over"))
        late = [request for request, asked in self._asked_changes.items() if now > asked.deadline]
        for request in late:
            self._asked_changes.pop(request).done(Unknown("the leader did not answer"))

    def _on_change_members(self, peer: Peer, message: Message) -> None:
        request = message["request"]

        def answer(error: StoreError | None) -> None:
            reason = reason_of(error) if isinstance(error, Refused) else "Unknown"
            self._tell(
                peer,
                "change_reply",
                request=request,
                reason=reason if error is not None else "",
                text="" if error is None else str(error),
            )

        try:
            (member,) = members_from((message["member"],))
        except (TypeError, ValueError):
            answer(MembershipError("not a member"))
            return
        if message["kind"] not in _KINDS or not self._is_leading:
            answer(NoLeader(f"{self.node_id} is not the leader"))
            return
        self.propose_member_change(MemberChange(message["kind"], member), answer)

    def _on_change_reply(self, _peer: Peer, message: Message) -> None:
        asked = self._asked_changes.pop(message["request"], None)
        if asked is None:
            return
        reason, text = message["reason"], message["text"]
        if not reason:
            asked.done(None)
        elif reason == "Unknown":
            asked.done(Unknown(text))
        else:
            asked.done(refusal_from(reason, text))

    # ---- checks
    def _check_health(self, change: MemberChange, members: Members) -> None:
        if change.kind not in ("promote", "remove"):
            return
        node_id = change.member.node_id
        if change.kind == "promote":
            progress = self._progress_of(self._peer(node_id))
            lag = self.wal.last_index - progress.match
            # One that does not know yet that it is a member would not vote.
            outsider = progress.match < progress.since
            if outsider or lag > self.config.promote_lag or not self._answers(node_id):
                raise MembershipError(f"learner {node_id} is {lag} entries behind or silent")
        voters = [member.node_id for member in members if not member.learner]
        alive = sum(self._answers(voter) for voter in voters)
        if alive * 2 <= len(voters):
            raise MembershipError(f"only {alive} of the {len(voters)} voters would answer")

    def _answers(self, node_id: str) -> bool:
        if node_id == self.node_id:
            return True
        peer = self._peer(node_id)
        heard = self._last_response.get(peer, float("-inf"))
        return peer in self._connected and self._clock() - heard < self.config.leader_fallback

    # ---- what SyncObj's rule calls when a change may begin
    def _SyncObj__doChangeCluster(self, members: Members, _reverse: bool = False) -> bool:  # noqa: N802
        index = self.wal.last_index + 1
        self.wal.append((Entry(index, self.term, encode_members(members)),))
        self._configs.append(index, members)
        self._SyncObj__changeClusterIDx = index  # SyncObj checks this and never sets it
        self._configuration_changed()
        return True

    # ---- what a configuration does
    def _configuration_changed(self) -> None:
        """The newest configuration of the log is another one: count by it from now on."""
        others = [m for m in self._configs.current if m.node_id != self.node_id]
        voters = {self._peer(m.node_id) for m in others if not m.learner}
        learners = {self._peer(m.node_id) for m in others if m.learner}
        self._SyncObj__updateClusterConfiguration(voters)
        self._learners.clear()
        self._learners.update(learners)
        for peer in [peer for peer in self._progress if peer not in voters | learners]:
            del self._progress[peer]
        if self._is_leading:
            now = self._clock()
            for peer in voters | learners:
                self._last_response.setdefault(peer, now)
                self._match_index[peer] = self._progress_of(peer).match
        self._is_voter = any(
            m.node_id == self.node_id and not m.learner for m in self._configs.current
        )
        if self._is_member(self._configs.current):
            self.removed = False
        self._announce_members()

    def _announce_members(self) -> None:
        """Everybody to keep a link with: whoever is a member now or was one at the last applied
        entry, so that a node that is being removed can still be told."""
        union: dict[str, Member] = {}
        for members in (self._configs.at(self.applied_index)[1], self._configs.current):
            union.update((member.node_id, member) for member in members)
        links = tuple(union[node_id] for node_id in sorted(union))
        if links != self._announced:
            self._announced = links
            self._listeners.on_members(links)

    def _configuration_applied(self, index: int) -> None:
        """A membership entry is committed and applied."""
        before = self._configs.at(index - 1)[1]
        after = self._configs.at(index)[1]
        gone = {m.node_id for m in before} - {m.node_id for m in after}
        if self._is_leading:
            for node_id in sorted(gone):
                self._tell(self._peer(node_id), "removed", index=index)
        if self.node_id in gone and not self._is_member(self._configs.current):
            self.removed = True
        if self._appended_change is not None and self._appended_change[0] == index:
            done = self._appended_change[1]
            self._appended_change = None
            done(None)
        self._announce_members()

    def _fail_change(self) -> None:
        """Leadership was lost: whether the change will be committed is up to the next leader."""
        if self._appended_change is not None:
            done = self._appended_change[1]
            self._appended_change = None
            done(Unknown("leadership was lost before the change was committed"))

    # ---- a node that is gone learns it
    def _tell_if_removed(self, peer: Peer) -> None:
        """`peer` behaves as a member. If the applied configuration lacks it, say so."""
        if peer in self._voters or peer in self._learners:
            return
        applied = self._configs.at(self.applied_index)[1]
        if applied and all(member.node_id != peer.id for member in applied):
            self._tell(peer, "removed", index=self.applied_index)

    def _on_removed(self, _peer: Peer, message: Message) -> None:
        """Believed if it speaks of a later time than the configuration that lists us. A leader
        that still sends us entries proves the opposite (see `core`)."""
        if self._is_leading or not self._is_member(self._configs.current):
            return
        if message["index"] >= self._configs.index:
            self.removed = True
