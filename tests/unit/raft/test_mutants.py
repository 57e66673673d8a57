"""Every safeguard is needed: a core without it fails in the simulator or in a directed test.

What only a very rare order of events needs (an answer of an older term, a vote that a power loss
takes back, two changes of members at once) is shown by the directed tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import pytest
import raft_harness
import raft_mutants as mutants
import test_defects
import test_elections
import test_membership
import test_reads

from raftstore.raft import RaftCore
from raftstore.sim.__main__ import minimise
from raftstore.sim.faults import WEIGHTS
from raftstore.sim.simulation import Options, simulate

TRIES = 300

# A mutant, and a seed at which to begin to look: one that has found it before.
NOTICED_BY_THE_SIMULATOR = [
    (mutants.TruncatesWithoutConflict, 9),
    (mutants.CommitsUnverifiedTail, 55),
    (mutants.WipesTheTailAtRestart, 2),
    (mutants.AppliesTwice, 0),
    (mutants.AcknowledgesFailedSnapshots, 13),
    (mutants.SendsBeforeTheSync, 0),
    (mutants.CommitsBeforeItsOwnSync, 8),
    (mutants.ReadsWithoutAsking, 55),
    (mutants.ForgetsMembersAtRestart, 31),
    (mutants.BelievesOldEntries, 205),
]

NOTICED_BY_A_TEST: list[tuple[type[RaftCore], Callable[[], None]]] = [
    (mutants.TruncatesWithoutConflict, test_defects.test_1_truncation_without_conflict),
    (
        mutants.CommitsUnverifiedTail,
        test_defects.test_2_snapshot_message_commits_an_unverified_tail,
    ),
    (mutants.CountsOldAnswers, test_defects.test_3_acknowledgement_of_an_older_term),
    (mutants.WipesTheTailAtRestart, test_defects.test_4_restart_between_snapshot_and_trim),
    (mutants.AppliesAgainAfterAnError, test_defects.test_6_raising_callback),
    (
        mutants.AcknowledgesFailedSnapshots,
        test_defects.test_7_failed_snapshot_is_not_acknowledged,
    ),
    (mutants.NeverBacksOff, test_defects.test_9_conflict_with_backlog),
    (mutants.StartsWithoutItsSnapshot, test_defects.test_10_log_without_its_snapshot),
    (
        mutants.BelievesOldEntries,
        test_membership.test_a_node_that_comes_back_empty_does_not_believe_old_entries,
    ),
    (mutants.NoPreVote, test_elections.test_a_returning_node_does_not_depose_the_leader),
    (mutants.NeverContent, test_elections.test_one_that_hears_the_leader_ignores_a_campaign),
    (mutants.CountsVotesTwice, test_elections.test_a_vote_counts_once),
    (mutants.ForgetsItsVote, test_elections.test_one_vote_per_term_even_after_a_power_loss),
    (
        mutants.ReadsBeforeItsFirstCommit,
        test_reads.test_a_new_leader_answers_after_it_committed_in_its_own_term,
    ),
    (
        mutants.SnapshotsUncommittedMembers,
        test_membership.test_a_snapshot_holds_the_committed_members_only,
    ),
    (mutants.ChangesMembersAllAtOnce, test_membership.test_one_change_at_a_time),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "hint"), NOTICED_BY_THE_SIMULATOR)
def test_the_simulator_notices(mutant: type[RaftCore], hint: int) -> None:
    options = Options(core_class=mutant)
    for seed in chain((hint,), range(TRIES)):
        if simulate(seed, options).violation is not None:
            return
    pytest.fail(f"{mutant.__name__} was not noticed in {TRIES} runs")


def test_a_failing_run_is_reduced_to_the_faults_it_needs() -> None:
    options = Options(core_class=mutants.SendsBeforeTheSync)
    outcome = simulate(0, options)
    assert outcome.violation is not None
    smaller = minimise(outcome, options)
    assert len(smaller.without) > len(WEIGHTS) // 2
    again = simulate(0, smaller)
    assert again.violation is not None
    assert again.violation.startswith("UNSYNCED-ACK")
    assert again.trace[-1].endswith(again.violation.partition(": ")[2])


@pytest.fixture
def core_class(request: pytest.FixtureRequest) -> Iterator[None]:
    before = raft_harness.CORE[0]
    raft_harness.CORE[0] = request.param
    yield
    raft_harness.CORE[0] = before


@pytest.mark.parametrize(("core_class", "directed"), NOTICED_BY_A_TEST, indirect=["core_class"])
@pytest.mark.usefixtures("core_class")
def test_a_directed_test_notices(directed: Callable[[], None]) -> None:
    with pytest.raises((AssertionError, IndexError, pytest.fail.Exception)):
        directed()
