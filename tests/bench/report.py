"""How results look: a table next to the reference figures, and JSON."""

from __future__ import annotations

from typing import Any

from tests.bench.measure import Result
from tests.bench.reference import REFERENCES, Reference

HEAD = (
    f"{'measurement':29}{'http':>5}{'rate/s':>10}{'p50 ms':>9}{'p90 ms':>9}{'p99 ms':>9}"
    f"{'CPU ms/op':>11}{'reference':>11}{'ratio':>7}  notes"
)


def number(value: float | None, scale: float = 1e3) -> str:
    """Three significant digits, without exponents."""
    if value is None:
        return "-"
    scaled = value * scale
    if scaled >= 100:
        return f"{scaled:,.0f}"
    if scaled >= 10:
        return f"{scaled:.1f}"
    return f"{scaled:.2f}" if scaled >= 1 else f"{scaled:.3f}"


def row(result: Result) -> str:
    if not result.protocol:
        return f"{result.name:29}  {result.note}"
    reference = REFERENCES.get(result.name, Reference(None))
    ratio = "-"
    if reference.cpu is not None and result.cpu is not None:
        ratio = f"{result.cpu / reference.cpu:.2f}"
    notes = "; ".join(filter(None, (result.note, reference.note and f"ref. {reference.note}")))
    return (
        f"{result.name:29}{result.protocol:>5}{number(result.rate, 1):>10}"
        f"{number(result.percentile(0.5)):>9}{number(result.percentile(0.9)):>9}"
        f"{number(result.percentile(0.99)):>9}{number(result.cpu):>11}{number(reference.cpu):>11}"
        f"{ratio:>7}  {notes}"
    ).rstrip()


def as_json(result: Result) -> dict[str, Any]:
    reference = REFERENCES.get(result.name, Reference(None))
    return {
        "name": result.name,
        "protocol": result.protocol,
        "operations": result.operations,
        "seconds": result.elapsed,
        "ratePerSecond": result.rate,
        "latencySeconds": {
            "p50": result.percentile(0.5),
            "p90": result.percentile(0.9),
            "p99": result.percentile(0.99),
        },
        "cpuSecondsPerOperation": result.cpu,
        "referenceCpuSecondsPerOperation": reference.cpu,
        "note": result.note,
    }
