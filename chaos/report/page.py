"""The page: verdict, numbers, the picture, the faults, the operations, the violations.

In: a history and its verdict. Out: one HTML file that needs nothing else, and no script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

from chaos.checker import Verdict
from chaos.checker.violation import Violation
from chaos.history import WRITES, History, encode
from chaos.report.series import action_rows, bands, duration, leader_changes
from chaos.report.style import STYLE
from chaos.report.timeline import timeline

SHOWN = 200


def write_report(path: Path, history: History, verdict: Verdict) -> None:
    path.write_text(page(history, verdict), encoding="utf-8")


def page(history: History, verdict: Verdict) -> str:
    header = history.header
    title = f"{header.scenario}: {'good' if verdict.good else 'violated'}"
    sections = [
        *_verdict(history, verdict),
        *_cards(history, verdict),
        "<h2>What happened</h2>",
        f'<figure class="scroll">{timeline(history)}</figure>',
        *_faults(history),
        *_operations(history),
        *_violations(verdict),
        *_footer(history),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>chaos: {escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )


def _verdict(history: History, verdict: Verdict) -> Iterable[str]:
    header = history.header
    if verdict.good:
        kind, mark, text = "good", "✓", "Every promise was kept"
    else:
        rules = Counter(violation.rule for violation in verdict.violations)
        kind, mark = "bad", "✗"
        text = "Violated: " + ", ".join(f"{rule} ({count})" for rule, count in rules.items())
    yield (
        f'<header class="verdict {kind}"><span class="mark">{mark}</span><div>'
        f"<h1>{escape(text)}</h1><p>Scenario <b>{escape(header.scenario)}</b>, seed {header.seed}, "
        f"{header.seconds:.0f} s of load on {len(header.nodes)} nodes, {escape(header.started)}"
        "</p></div></header>"
    )


def _cards(history: History, verdict: Verdict) -> Iterable[str]:
    counts = verdict.counts
    gap = max((band.gap for band in bands(history)), default=0.0)
    written = sum(op.outcome == "ok" and op.action in WRITES for op in history.ops)
    cards = [
        (f"{counts['operations']:,}", "operations"),
        (f"{written:,}", "writes acknowledged"),
        (f"{counts['outcome unknown']:,}", "outcomes unknown"),
        (f"{counts['watch events']:,}", f"events on {counts['watches']} watches"),
        (f"{counts['faults']}", "faults"),
        (f"{leader_changes(history)}", "leader changes"),
        (f"{gap:.1f} s" if counts["faults"] else "none", "longest pause of writes in a fault"),
    ]
    yield '<section class="cards">'
    for value, label in cards:
        yield f"<div><b>{escape(value)}</b><span>{escape(label)}</span></div>"
    yield "</section>"


def _faults(history: History) -> Iterable[str]:
    rows = bands(history)
    if not rows:
        return
    yield "<h2>Faults</h2>"
    yield '<div class="scroll"><table><thead><tr><th>at</th><th>fault</th><th>target</th>'
    yield '<th>what was done</th><th class="n">lasted</th><th class="n">writes paused</th>'
    yield "</tr></thead><tbody>"
    for band in rows:
        yield (
            f'<tr><td class="n">{band.start:.1f} s</td><td>{escape(band.name)}</td>'
            f"<td>{escape(band.target)}</td><td>{escape(band.detail)}</td>"
            f'<td class="n">{band.end - band.start:.1f} s</td>'
            f'<td class="n">{band.gap:.2f} s</td></tr>'
        )
    yield "</tbody></table></div>"


def _operations(history: History) -> Iterable[str]:
    yield "<h2>Operations</h2>"
    yield '<div class="scroll"><table><thead><tr><th>verb</th><th class="n">acknowledged</th>'
    yield '<th class="n">refused</th><th class="n">unknown</th><th class="n">median</th>'
    yield '<th class="n">99th percentile</th><th class="n">longest</th></tr></thead><tbody>'
    for row in action_rows(history):
        yield (
            f'<tr><td>{row.action}</td><td class="n">{row.ok:,}</td>'
            f'<td class="n">{row.refused:,}</td><td class="n">{row.unknown:,}</td>'
            f'<td class="n">{row.p50:.1f} ms</td><td class="n">{row.p99:.0f} ms</td>'
            f'<td class="n">{row.longest:.0f} ms</td></tr>'
        )
    yield "</tbody></table></div>"


def _violations(verdict: Verdict) -> Iterable[str]:
    if verdict.good:
        return
    yield "<h2>Violations</h2>"
    for number, violation in enumerate(verdict.violations[:SHOWN]):
        yield _violation(violation, is_open=number < 5)
    if len(verdict.violations) > SHOWN:
        yield f"<p>… and {len(verdict.violations) - SHOWN} more, in the history.</p>"


def _violation(violation: Violation, *, is_open: bool) -> str:
    lines = "".join(escape(encode(record).decode()) for record in violation.evidence)
    evidence = f"<pre>{lines}</pre>" if lines else ""
    return (
        f"<details{' open' if is_open else ''}><summary><code>{escape(violation.rule)}</code> "
        f"<b>{escape(violation.subject)}</b> {escape(violation.summary)}</summary>{evidence}"
        "</details>"
    )


def _footer(history: History) -> Iterable[str]:
    yield (
        f"<footer>{duration(history):.0f} s in all. Times are since the start of the run. The file "
        "<code>history.jsonl</code> beside this page holds every operation; "
        "<code>python -m chaos check history.jsonl</code> judges it again.</footer>"
    )
