"""The command line: what it prints and how it exits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from chaos_model import Model

from chaos.cli import main
from chaos.history import History, Record, encode
from chaos.scenarios import SCENARIOS


def save(history: History, path: Path) -> Path:
    records: list[Record] = [history.header, *history.ops, *history.watches.values()]
    records += [event for events in history.events.values() for event in events]
    records += [*history.ends.values(), *history.states, *history.faults]
    path.write_bytes(b"".join(map(encode, records)))
    return path


def test_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in SCENARIOS)


def test_check_accepts_a_good_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(save(Model(5).run(), tmp_path / "h.jsonl"))]) == 0
    assert "GOOD" in capsys.readouterr().out


def test_check_fails_on_a_violation_and_shows_the_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = Model(5).run()
    history.states[1] = replace(history.states[1], hash="other")
    report = tmp_path / "r.html"
    path = save(history, tmp_path / "h.jsonl")
    assert main(["check", str(path), "--report", str(report)]) == 1
    printed = capsys.readouterr().out
    assert "VIOLATED" in printed
    assert '"hash":"other"' in printed
    assert report.exists()


@pytest.mark.parametrize("content", [b"", b"not json\n", b'{"kind":"op"}\n'])
def test_check_refuses_what_is_not_a_history(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(content)
    assert main(["check", str(path)]) == 2
    assert main(["check", str(tmp_path / "none")]) == 2
    assert "chaos:" in capsys.readouterr().err


def test_a_wrong_scenario_or_duration_is_wrong_use() -> None:
    for arguments in (["run", "nonsense"], ["run", "kill", "--minutes", "0"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


def test_the_mixed_scenario_draws_from_every_survivable_fault() -> None:
    others = {fault for s in SCENARIOS.values() if s.survivable for fault in s.faults}
    assert set(SCENARIOS["mixed"].faults) == others
