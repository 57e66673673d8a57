"""The report says what the verdict says, is well-formed, and needs nothing but itself."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from chaos_model import Model

from chaos.checker import judge
from chaos.history import Fault, Header, History, NodeState, Op
from chaos.report import write_report
from chaos.report.page import page
from chaos.report.series import bands, leader_changes, roles, slices
from chaos.report.timeline import timeline

SECOND = 1_000_000


def written(at: int, number: int) -> Op:
    return Op(number, "c", "n1", "create", f"k{number}", at - 1000, at, "ok", 201, revision=number)


def state(node: str, at: int, role: str, term: int) -> NodeState:
    return NodeState(node, at, role, "n1", term, 5, 9, "aa")


def test_a_good_run_says_so_and_a_violation_is_shown_with_its_records() -> None:
    history = Model(3, steps=80).run()
    assert "Every promise was kept" in page(history, judge(history))
    history.states[0] = replace(history.states[0], hash="not-the-same")
    text = page(history, judge(history))
    assert "diverged" in text
    assert "not-the-same" in text
    assert "Every promise" not in text


def test_the_page_refers_to_nothing_outside_and_has_no_script(tmp_path: Path) -> None:
    history = Model(3).run()
    write_report(tmp_path / "report.html", history, judge(history))
    text = (tmp_path / "report.html").read_text()
    assert not re.search(r"<script|src=|href=|url\(|@import", text)

    class Balance(HTMLParser):
        open_tags: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "line", "rect", "path"):
                self.open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in ("line", "rect", "path"):
                assert self.open_tags.pop() == tag

    parser = Balance()
    parser.open_tags = []
    parser.feed(text)
    assert parser.open_tags == []


def test_the_picture_is_well_formed_even_for_an_empty_history_and_hostile_names() -> None:
    ElementTree.fromstring(timeline(History(Header())))
    history = History.of(
        [
            Header("<b>", 1, ("<n1>",)),
            state("<n1>", SECOND, "leader", 2),
            Fault(1, 'kill "x" & <y>', "<n1>", "start", SECOND, "<detail>"),
            written(2 * SECOND, 1),
        ]
    )
    ElementTree.fromstring(timeline(history))
    assert "<y>" not in page(history, judge(history))


def test_a_fault_is_charged_with_the_longest_pause_of_writes() -> None:
    history = History.of(
        [
            *(written(at, at) for at in (500_000, 900_000, 4 * SECOND, 5 * SECOND)),
            Fault(1, "kill", "n1", "start", SECOND),
            Fault(1, "kill", "n1", "end", 2 * SECOND),
        ]
    )
    (band,) = bands(history)
    assert (band.start, band.end, band.gap) == (1.0, 2.0, 3.0)


def test_a_node_that_does_not_answer_is_drawn_as_down() -> None:
    history = History.of(
        [
            Header("s", 1, ("n1",)),
            state("n1", 500_000, "follower", 2),
            state("n1", SECOND, "leader", 3),
            state("n1", 9 * SECOND, "follower", 4),
            state("n1", 9 * SECOND + 1, "follower", 4),
        ]
    )
    assert [span.role for span in roles(history)["n1"]] == ["follower", "down", "follower"]


def test_rates_are_per_second_and_leaders_are_counted_by_term() -> None:
    history = History.of(
        [
            *(written(SECOND + i, i) for i in range(10)),
            state("n1", SECOND, "leader", 2),
            state("n2", 2 * SECOND, "leader", 5),
            state("n1", 20 * SECOND, "follower", 5),
        ]
    )
    assert max(piece.ok for piece in slices(history)) == 50  # ten in a fifth of a second
    assert leader_changes(history) == 1
