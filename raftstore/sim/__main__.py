"""`python -m raftstore.sim --seed N` replays one run; `--seeds A..B` runs many.

Exit status 1 if a promise was broken; the trace and the command that replays it are printed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter

from raftstore.sim.faults import WEIGHTS
from raftstore.sim.simulation import SECONDS, Options, Outcome, simulate

TRACE_TAIL = 60


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    # A torn tail is cut in every other run; the trace says what matters.
    logging.getLogger("raftstore").addHandler(logging.NullHandler())
    without = frozenset(options.without.split(",")) if options.without else frozenset()
    settings = Options(options.seconds, without, trace_all=options.trace)
    started, totals = time.monotonic(), Counter[str]()
    for count, seed in enumerate(options.seeds, 1):
        outcome = simulate(seed, settings)
        totals.update(outcome.counts)
        if outcome.violation is not None:
            _write("\n")
            _report(outcome, settings)
            return 1
        if options.trace:
            _write("\n".join(outcome.trace) + "\n")
        rate = count / (time.monotonic() - started)
        _write(f"\rseed {seed}: {count} runs, {rate:.1f}/s, no violation ")
    _write("\n" + ", ".join(f"{name} {number}" for name, number in totals.items()) + "\n")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m raftstore.sim", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", dest="seeds", type=lambda text: range(int(text), int(text) + 1))
    which.add_argument("--seeds", type=_range, metavar="A..B", help="both included")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="virtual time with faults")
    parser.add_argument(
        "--without", default="", help=f"leave out: members, {', '.join(WEIGHTS)} (comma separated)"
    )
    parser.add_argument("--trace", action="store_true", help="print the whole trace")
    return parser.parse_args(arguments)


def _range(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def _report(outcome: Outcome, settings: Options) -> None:
    smaller = minimise(outcome, settings)
    result = simulate(outcome.seed, smaller)
    lines = result.trace if settings.trace_all else result.trace[-TRACE_TAIL:]
    _write("\n".join(lines) + "\n")
    _write(f"seed {outcome.seed}: {result.violation}\n")
    command = f"python -m raftstore.sim --seed {outcome.seed}"
    if smaller.seconds != SECONDS:
        command += f" --seconds {smaller.seconds:g}"
    if smaller.without:
        command += f" --without {','.join(sorted(smaller.without))}"
    _write(f"replay: {command}\n")


def minimise(outcome: Outcome, settings: Options) -> Options:
    """Leave out every kind of fault without which the same kind of violation still happens."""
    assert outcome.violation is not None
    kind = outcome.violation.partition(":")[0]
    best = settings
    for fault in ("members", *WEIGHTS):
        tried = Options(best.seconds, best.without | {fault}, best.trace_all, best.core_class)
        again = simulate(outcome.seed, tried).violation
        if again is not None and again.partition(":")[0] == kind:
            best = tried
    return best


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
