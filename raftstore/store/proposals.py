"""Proposals of this node on their way: who waits for which, and when to try again.

In: payloads with a time to live. Out: the machine's result, a refusal that is certain, or
`Unknown`. Each proposal has an id that the machine remembers, so the same one may be handed to
the core again whenever an attempt may have been lost (the leader changed, the link to it came
back, nothing was heard for a while): it is applied once. An attempt that was refused is certain
to have no effect; one that was not is open for ever. So at the deadline a proposal with an open
attempt is `Unknown`, and only one without is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import inf
from typing import Any

import trio

from raftstore.errors import (
    Closed,
    NoLeader,
    Overloaded,
    RequestTooLarge,
    StoreError,
    Unknown,
)
from raftstore.machine.commands import Payload, encode_command
from raftstore.machine.results import Result
from raftstore.store.waiting import Deadlines, Waiter

RETRY_REFUSED = 0.1  # seconds until what no leader would take is offered again
RETRY_OPEN = 2.0  # an attempt that nothing was heard of for so long is repeated

Refusal = Callable[[StoreError], None]
Propose = Callable[[bytes, bytes, Refusal], None]


class _Proposal(Waiter):
    __slots__ = ("command", "deadline", "id", "open_attempts", "refusal", "tried_at")

    def __init__(self, proposal_id: bytes, command: bytes, now: float, deadline: float) -> None:
        super().__init__()
        self.id = proposal_id
        self.command = command
        self.deadline = deadline
        self.tried_at = now
        self.open_attempts = 0  # attempts that may have reached a leader's log
        self.refusal: StoreError | None = None  # of the last attempt

    def verdict(self) -> StoreError:
        """What to say at the deadline."""
        if self.open_attempts:
            return Unknown("no result in time; the proposal may have been applied, or may be later")
        return self.refusal or NoLeader("no leader in time")


class Proposals:
    def __init__(self, *, max_waiting: int, max_bytes: int) -> None:
        self._session = os.urandom(8)
        self._sequence = 0
        self._waiting: dict[bytes, _Proposal] = {}  # oldest first
        self._homeless: list[_Proposal] = []  # refused, because nobody leads
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._propose: Propose | None = None
        self._wake: Callable[[], None] = lambda: None
        self._closed: StoreError | None = None
        self.deadlines = Deadlines(self._expire)

    def connect(self, propose: Propose, wake: Callable[[], None]) -> None:
        """Give the core's `propose`, and what makes the core run soon."""
        self._propose = propose
        self._wake = wake

    def __len__(self) -> int:
        return len(self._waiting)

    async def run(self, payload: Payload, timeout: float) -> Any:
        """Propose and wait for the result. Raises what the machine or the core refused it with."""
        try:
            proposal = self._admit(payload, timeout)
        except StoreError:
            await trio.lowlevel.checkpoint()  # a caller that tries again must not block the loop
            raise
        try:
            self._attempt(proposal)
            return await proposal.wait()
        finally:
            self._waiting.pop(proposal.id, None)

    def _admit(self, payload: Payload, timeout: float) -> _Proposal:
        if self._closed is not None:
            raise Closed(str(self._closed))
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(f"{self._max_waiting} proposals wait for their result")
        self._sequence += 1
        proposal_id = self._session + self._sequence.to_bytes(8, "big")
        command = encode_command(proposal_id, payload)
        if len(command) > self._max_bytes:
            raise RequestTooLarge(
                f"the command has {len(command)} bytes, the limit is {self._max_bytes}"
            )
        now = trio.current_time()
        proposal = _Proposal(proposal_id, command, now, now + timeout)
        self._waiting[proposal_id] = proposal
        self.deadlines.add(proposal.deadline)
        return proposal

    def _attempt(self, proposal: _Proposal) -> None:
        assert self._propose is not None
        proposal.open_attempts += 1
        self._propose(proposal.command, proposal.id, lambda error: self._refused(proposal, error))
        self._wake()

    def _refused(self, proposal: _Proposal, error: StoreError) -> None:
        proposal.open_attempts -= 1
        proposal.refusal = error
        if proposal.open_attempts:
            return  # an earlier attempt may still succeed
        if isinstance(error, NoLeader):
            self._homeless.append(proposal)
        else:
            proposal.set(error)

    # -- what the core reports ----------------------------------------------------------------

    def applied(self, proposal_id: bytes, result: Result) -> None:
        proposal = self._waiting.pop(proposal_id, None)
        if proposal is not None:
            proposal.set(result)

    def try_again(self, *, older_than: float = 0.0) -> None:
        """Repeat the attempts that are older than so many seconds."""
        now = trio.current_time()
        for proposal in list(self._waiting.values()):
            if proposal.tried_at <= now - older_than and proposal.value is None:
                proposal.tried_at = now
                self._attempt(proposal)

    async def repeat(self, *, is_leader: Callable[[], bool]) -> None:
        """Task: offer again what was refused for want of a leader, and repeat what was lost
        without any news. A leader loses nothing without news, so it repeats nothing: repeating
        what is only slow would add to the load that makes it slow."""
        look_at = trio.current_time() + RETRY_OPEN
        while True:
            await trio.sleep(RETRY_REFUSED)
            homeless, self._homeless = self._homeless, []
            for proposal in homeless:
                if proposal.value is None and not proposal.open_attempts:
                    self._attempt(proposal)
            if trio.current_time() >= look_at:
                look_at += RETRY_OPEN
                if not is_leader():
                    self.try_again(older_than=RETRY_OPEN)

    def _expire(self, now: float) -> float:
        following = inf
        for proposal in self._waiting.values():
            if proposal.deadline <= now:
                proposal.set(proposal.verdict())
            else:
                following = min(following, proposal.deadline)
        return following

    def close(self, error: StoreError) -> None:
        self._closed = error
        for proposal in list(self._waiting.values()):
            proposal.set(
                Unknown(f"the node stopped: {error}")
                if proposal.open_attempts
                else Closed(str(error))
            )
        self._waiting.clear()
