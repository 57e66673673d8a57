"""Proposals: commands on their way into the log.

In: commands of this node and of followers. Out: entries of the leader's log, or a refusal that is
certain. Commits are seen where entries are applied, not here. What may not happen: a refusal of
something that was or may be appended. A forward without an answer stays open: its outcome is
unknown, and the caller's deadline and the machine's deduplication deal with that.

A refusal speaks of one attempt. A caller that tried the same proposal id before, through another
leader, must not take it as a verdict on that attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from raftstore.errors import (
    InvalidRequest,
    MembershipError,
    NoLeader,
    Overloaded,
    Refused,
    RequestTooLarge,
    StoreError,
)
from raftstore.raft.messages import Message
from raftstore.raft.state import CoreState
from raftstore.raft.stock import REGULAR, Peer
from raftstore.wal import Entry

OnRefused: TypeAlias = Callable[[StoreError], None]

_REASONS: dict[str, type[Refused]] = {
    kind.__name__: kind
    for kind in (NoLeader, Overloaded, RequestTooLarge, MembershipError, InvalidRequest)
}


def reason_of(error: Refused) -> str:
    """The name under which a refusal travels; one of a kind not listed travels as Refused."""
    name = type(error).__name__
    return name if name in _REASONS else "Refused"


def refusal_from(reason: str, text: str) -> Refused:
    return _REASONS.get(reason, Refused)(text)


class Proposals(CoreState):
    _forwarded: dict[int, OnRefused]  # request number → whom to tell, oldest first
    _request_of: dict[bytes, int]  # proposal id → its newest request
    _next_request: int
    _uncommitted_bytes: int  # appended in this leadership and not applied yet

    def _start_proposals(self) -> None:
        self._forwarded = {}
        self._request_of = {}
        self._uncommitted_bytes = 0
        # An answer to an earlier life of this node must not fit a request of this one.
        self._next_request = self._rng.getrandbits(48)

    def propose(self, command: bytes, proposal_id: bytes, refused: OnRefused) -> None:
        """Append here or at the leader. `refused` is called at most once, possibly before this
        returns, and only if this attempt has not been and will not be appended."""
        self._enter()
        try:
            if self._is_leading:
                self._append_proposal(command)
            else:
                self._forward(command, proposal_id, refused)
        except Refused as error:
            refused(error)

    def _append_proposal(self, command: bytes) -> None:
        if len(command) > self.config.command_bytes:
            raise RequestTooLarge(f"a command has at most {self.config.command_bytes} bytes")
        if not self._accepts_proposals():
            raise NoLeader("leadership is being handed over")
        waiting = self.wal.last_index - self.applied_index
        if (
            waiting >= self.config.uncommitted_entries
            or self._uncommitted_bytes >= self.config.uncommitted_bytes
        ):
            raise Overloaded(f"{waiting} entries wait to be committed")
        self._uncommitted_bytes += len(command) + 1
        self.wal.append((Entry(self.wal.last_index + 1, self.term, REGULAR + command),))

    def _forward(self, command: bytes, proposal_id: bytes, refused: OnRefused) -> None:
        leader = self._leader
        if leader is None or leader not in self._connected:
            raise NoLeader("no leader is known")
        if len(command) > self.config.command_bytes:
            raise RequestTooLarge(f"a command has at most {self.config.command_bytes} bytes")
        if len(self._forwarded) >= self.config.forwarded_requests:
            raise Overloaded(f"{len(self._forwarded)} forwarded proposals have no answer yet")
        request = self._new_request()
        if not self._tell(leader, "propose", request=request, command=command):
            raise NoLeader("the leader cannot be reached")
        self._forwarded[request] = refused
        if proposal_id:
            older = self._request_of.get(proposal_id)
            if older is not None:
                self._forwarded.pop(older, None)
            self._request_of[proposal_id] = request

    def _new_request(self) -> int:
        self._next_request += 1
        return self._next_request

    def _on_propose(self, peer: Peer, message: Message) -> None:
        """Defect 5: a command travels whole, in one message of limited size, never in pieces.
        test_defects.py::test_5_big_commands"""
        try:
            if not self._is_leading:
                raise NoLeader(f"{self.node_id} is not the leader")
            self._append_proposal(message["command"])
        except Refused as error:
            self._tell(
                peer,
                "propose_refused",
                request=message["request"],
                reason=reason_of(error),
                text=str(error),
            )

    def _on_propose_refused(self, _peer: Peer, message: Message) -> None:
        refused = self._forwarded.pop(message["request"], None)
        if refused is not None:
            refused(refusal_from(message["reason"], message["text"]))

    # ---- what ends a promise
    def _proposal_applied(self, proposal_id: bytes | None) -> None:
        if proposal_id:
            request = self._request_of.pop(proposal_id, None)
            if request is not None:
                self._forwarded.pop(request, None)

    def _forget_forwards(self) -> None:
        """The leader is another one: whether it has our forwards nobody can say."""
        self._forwarded.clear()
        self._request_of.clear()
