"""`python -m chaos list | run | all | check`: arguments in, text and an exit status out.

0: every promise was kept. 1: a promise was broken, or the cluster did not even start. 2: wrong use.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import trio

from chaos.checker import Verdict, judge
from chaos.cluster import Cluster, ClusterError, only
from chaos.history import HistoryError, load
from chaos.monitor import Monitor
from chaos.recorder import Recorder
from chaos.report import write_report
from chaos.run import Result, run_scenario
from chaos.scenarios import SCENARIOS, Scenario

DEFAULT_OUT = "chaos-out"
SHOWN_PER_RULE = 2
LINE_SECONDS = 5.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Break a real cluster while clients use it, and judge what they saw.",
        epilog="Example:  python -m chaos run partition --minutes 2",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="the scenarios")
    run = commands.add_parser("run", help="one scenario")
    run.add_argument("scenario", choices=SCENARIOS, metavar="SCENARIO")
    every = commands.add_parser("all", help="every scenario that has to end well, in turn")
    for sub, minutes in ((run, 1.0), (every, 0.5)):
        sub.add_argument(
            "--minutes", type=_positive, default=minutes, metavar="M", help=f"default: {minutes}"
        )
        sub.add_argument("--seed", type=int, metavar="N", help="default: a new one, printed")
        sub.add_argument(
            "--out", type=Path, default=Path(DEFAULT_OUT), metavar="DIR", help="for results"
        )
        sub.add_argument(
            "--keep", action="store_true", help="keep the nodes' folders after a good run, too"
        )
    check = commands.add_parser("check", help="judge a saved history again")
    check.add_argument("history", type=Path, metavar="HISTORY")
    check.add_argument("--report", type=Path, metavar="FILE", help="write the HTML report, too")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    match arguments.command:
        case "list":
            return _list()
        case "check":
            return _check(arguments.history, arguments.report)
        case "run":
            return _run([SCENARIOS[arguments.scenario]], arguments)
        case _:
            return _run([s for s in SCENARIOS.values() if s.survivable], arguments)


def _list() -> int:
    width = max(map(len, SCENARIOS))
    for scenario in SCENARIOS.values():
        print(f"{scenario.name:<{width}}  {scenario.summary}")
    return 0


def _check(path: Path, report: Path | None) -> int:
    try:
        history = load(path)
    except (OSError, HistoryError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2
    verdict = judge(history)
    if report is not None:
        write_report(report, history, verdict)
    _print_verdict(verdict)
    return 0 if verdict.good else 1


def _run(scenarios: list[Scenario], arguments: argparse.Namespace) -> int:
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 31)
    outcomes: list[tuple[str, str, Path]] = []
    for scenario in scenarios:
        stamp = time.strftime("%m%d-%H%M%S")
        folder = arguments.out.absolute() / f"{stamp}-{scenario.name}-{seed}"
        print(f"== {scenario.name}: {scenario.summary} (seed {seed})", flush=True)
        folder.mkdir(parents=True)
        line = _ProgressLine()
        start = partial(
            run_scenario,
            scenario,
            seconds=arguments.minutes * 60,
            seed=seed,
            folder=folder,
            keep=arguments.keep,
            progress=line,
        )
        try:
            result = trio.run(_until_signal, start)
        except ClusterError as error:
            line.end()
            print(f"chaos: {error}", file=sys.stderr)
            outcomes.append((scenario.name, "did not run", folder))
            continue
        if result is None:
            line.end()
            print("chaos: interrupted; the nodes are stopped", file=sys.stderr)
            return 130
        line.end()
        _print_verdict(result.verdict)
        print(f"   report  {folder / 'report.html'}\n   history {folder / 'history.jsonl'}")
        outcomes.append((scenario.name, "good" if result.verdict.good else "VIOLATED", folder))
    if len(outcomes) > 1:
        print("\n== summary")
        for name, outcome, folder in outcomes:
            print(f"{name:<12} {outcome:<12} {folder}")
    return 0 if all(outcome == "good" for _, outcome, _ in outcomes) else 1


async def _until_signal(start: Callable[[], Awaitable[Result]]) -> Result | None:
    """The run's result; None if SIGINT or SIGTERM came first. Either way no node is left over."""
    result: Result | None = None
    try:
        async with trio.open_nursery() as nursery:

            async def watch_signals() -> None:
                with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    await anext(signals)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(watch_signals)
            result = await start()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise only(group) from group
    return result


def _print_verdict(verdict: Verdict) -> None:
    counts = ", ".join(f"{count} {what}" for what, count in verdict.counts.items())
    print(f"   checked {counts}")
    if verdict.good:
        print("   GOOD: every promise was kept", flush=True)
        return
    rules = Counter(violation.rule for violation in verdict.violations)
    total = ", ".join(f"{rule} ({count})" for rule, count in rules.items())
    print(f"   VIOLATED: {total}")
    shown: Counter[str] = Counter()
    for violation in verdict.violations:
        shown[violation.rule] += 1
        if shown[violation.rule] <= SHOWN_PER_RULE:
            for number, text in enumerate(violation.lines()):
                print(("   - " if number == 0 else "       ") + text)
    if len(verdict.violations) > sum(min(count, SHOWN_PER_RULE) for count in rules.values()):
        print("   … the report shows more")
    sys.stdout.flush()


class _ProgressLine:
    """One line that is rewritten on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._printed = 0.0

    def __call__(
        self, cluster: Cluster, recorder: Recorder, monitor: Monitor, seconds: float
    ) -> None:
        now = recorder.now() / 1e6
        if not self._live and now - self._printed < LINE_SECONDS:
            return
        self._printed = now
        rate, p99 = recorder.recent()
        outcomes = recorder.outcomes
        silent = now - recorder.last_write / 1e6
        active = recorder.active_faults.values()
        faults = ", ".join(f.name if f.target == "all" else f"{f.name} {f.target}" for f in active)
        term = max((state.term for state in monitor.states.values()), default=0)
        text = (
            f"   {now:5.1f}/{seconds:.0f} s  {rate:5.0f} ops/s  p99 {p99:5.0f} ms  "
            f"ok {outcomes['ok']}  refused {outcomes['fail']}  unknown {outcomes['unknown']}  "
            f"leader {cluster.leader or '-'} (term {term})  fault: {faults or 'none'}"
            + (f"  no write for {silent:.0f} s" if silent > 2 else "")
        )
        if self._live:
            sys.stdout.write(f"\r\x1b[2K{text}")
            sys.stdout.flush()
        else:
            print(text, flush=True)

    def end(self) -> None:
        if self._live:
            sys.stdout.write("\n")
