"""Elections: SyncObj's rules for votes, with the guards that it lacks.

In: the clock, votes, requests for votes, an order of the leader to take over. Out: one campaign
at a time. SyncObj itself starts the campaign, grants and counts votes and becomes leader. Added:

* pre-vote: nobody raises its term before a quorum said that it would vote (a node that comes
  back from a partition does not depose a healthy leader);
* stickiness: a node that hears from its leader ignores campaigns, unless the leader ordered one;
* stale terms are answered, so that a node that missed a term learns it;
* a vote counts once per voter, and only voters of our configuration count;
* leadership transfer, which stops new proposals until the target has caught up.
"""

from __future__ import annotations

from typing import NamedTuple

from raftstore.raft.messages import Message
from raftstore.raft.state import CoreState
from raftstore.raft.stock import FOLLOWER, LEADER, Peer


class Transfer(NamedTuple):
    target: Peer
    deadline: float
    ordered: bool = False


class Elections(CoreState):
    _pre_votes: set[Peer] | None  # who would vote for us; None: no pre-vote is under way
    _pre_vote_won: bool
    _votes: set[Peer]
    _votes_term: int
    _transfer: Transfer | None

    def _start_elections(self) -> None:
        self._pre_votes = None
        self._pre_vote_won = False
        self._votes = set()
        self._votes_term = 0
        self._transfer = None

    # ---- before SyncObj's tick, which campaigns when the election deadline has passed
    def _before_tick(self) -> None:
        now = self._clock()
        if self._is_leading:
            self._drive_transfer(now)
            return
        if not self._is_voter:
            self._election_deadline = now + self.config.election_max  # never campaigns
            return
        if not self._voters:
            self._election_deadline = min(self._election_deadline, now - 1.0)  # waits for nobody
        if self._election_deadline >= now:
            return
        self._outbox.forced_election = self._transfer_ordered
        if self._transfer_ordered or self._pre_vote_won or not self._voters:
            self._end_pre_vote()
            return
        self._begin_pre_vote(now)

    def _begin_pre_vote(self, now: float) -> None:
        """A campaign that would be in vain must not raise anyone's term (SyncObj has no
        pre-vote). test_elections.py::test_a_returning_node_does_not_depose_the_leader"""
        # One that was told that it is no member asks seldom: it may have been told too early.
        patience = 10 if self.removed else 1
        self._election_deadline = now + patience * self._new_election_timeout()
        self._pre_votes = set()
        self._leader = None
        last = self.wal.last_index
        for peer in self._voters:
            self._tell(
                peer,
                "pre_vote",
                term=self.term + 1,
                last_log_index=last,
                last_log_term=self.wal.term(last) or 0,
            )

    def _end_pre_vote(self) -> None:
        self._pre_votes = None
        self._pre_vote_won = False

    def _on_pre_vote(self, peer: Peer, message: Message) -> None:
        if message["term"] <= self.term:
            self._tell(peer, "stale_term", term=self.term)
        elif not self._is_outsider() and not self._is_content() and self._is_up_to_date(message):
            self._tell(peer, "pre_vote_reply", term=message["term"])

    def _on_pre_vote_reply(self, peer: Peer, message: Message) -> None:
        if self._pre_votes is None or message["term"] != self.term + 1:
            return
        if peer not in self._voters or self._is_leading:
            return
        self._pre_votes.add(peer)
        if len(self._pre_votes) + 1 >= self._quorum:
            self._pre_vote_won = True
            self._election_deadline = float("-inf")  # the next tick campaigns

    def _is_up_to_date(self, message: Message) -> bool:
        last = self.wal.last_index
        ours = (self.wal.term(last) or 0, last)
        return (message["last_log_term"], message["last_log_index"]) >= ours

    def _is_outsider(self) -> bool:
        """No configuration that this node knows lists it. It may have been a voter once, with a
        disk that is gone: its vote is worth nothing until the log says that it is a member."""
        return not self._is_member(self._configs.current)

    def _is_content(self) -> bool:
        """This node has a leader and would not help to replace it."""
        return self._is_leading or self._clock() - self._heard_at < self.config.election_min

    # ---- votes
    def _on_request_vote(self, peer: Peer, message: Message) -> None:
        """A learner answers too: the candidate's configuration, which may be newer than ours,
        says that it is a voter, and only the candidate counts."""
        if message["term"] < self.term:
            self._tell(peer, "stale_term", term=self.term)
            return
        if message["term"] > self.term and not message["transfer"] and self._is_content():
            return
        if self._is_outsider():
            return
        self._SyncObj__onMessageReceived(peer, message)

    def _on_response_vote(self, peer: Peer, message: Message) -> None:
        """SyncObj counts messages; count voters. test_elections.py::test_a_vote_counts_once"""
        if message["term"] != self.term or peer not in self._voters:
            return
        if self._votes_term != self.term:
            self._votes, self._votes_term = set(), self.term
        if peer in self._votes:
            return
        self._votes.add(peer)
        self._SyncObj__onMessageReceived(peer, message)

    def _on_timeout_now(self, peer: Peer, message: Message) -> None:
        if self._is_voter and not self._is_leading:
            self._SyncObj__onMessageReceived(peer, message)

    def _on_stale_term(self, _peer: Peer, message: Message) -> None:
        self._observe_term(message["term"])

    def _observe_term(self, term: int) -> None:
        """Another node is in a later term: follow it there."""
        if term > self.term:
            self._set_term(term)
            self._become(FOLLOWER)
            self._leader = None

    # ---- what SyncObj calls
    def _SyncObj__setState(self, state: int) -> None:  # noqa: N802
        was_leader = self._is_leading
        super()._SyncObj__setState(state)
        if was_leader and state != LEADER:
            self._election_deadline = self._clock() + self._new_election_timeout()
            self._transfer = None
            self._leadership_lost()
            self._progress.clear()

    def _SyncObj__onBecomeLeader(self) -> None:  # noqa: N802
        self._end_pre_vote()
        self._transfer_ordered = False
        self._progress.clear()
        super()._SyncObj__onBecomeLeader()

    def _SyncObj__onLeaderChanged(self) -> None:  # noqa: N802
        """SyncObj calls back everything it forwarded as failed. A forward that the old leader
        has may still be committed, so here its outcome is left open."""
        self._leader_changed()

    # ---- transfer
    def transfer_leadership(self, to: str | None = None) -> bool:
        """Hand leadership to `to`, or to the follower that is furthest. False if there is nobody
        to hand it to. On another node the order is passed on to the leader."""
        if not self._is_leading:
            leader = self._leader
            return leader is not None and self._tell(leader, "transfer_request", to=to)
        if to == self.node_id:
            return False
        candidates = [
            peer
            for peer in self._voters
            if peer in self._connected and (to is None or peer.id == to)
        ]
        if not candidates:
            return False
        target = max(candidates, key=lambda peer: (self._progress_of(peer).match, peer.id))
        self._transfer = Transfer(target, self._clock() + self.config.election_max)
        self._drive_transfer(self._clock())
        return True

    def _on_transfer_request(self, _peer: Peer, message: Message) -> None:
        if self._is_leading:
            self.transfer_leadership(message["to"])

    def _drive_transfer(self, now: float) -> None:
        transfer = self._transfer
        if transfer is None:
            return
        if now > transfer.deadline or transfer.target not in self._voters:
            self._transfer = None  # it did not work out: take proposals again
        elif (
            not transfer.ordered and self._progress_of(transfer.target).match == self.wal.last_index
        ):
            self._tell(transfer.target, "timeout_now", term=self.term)
            self._transfer = transfer._replace(ordered=True)
