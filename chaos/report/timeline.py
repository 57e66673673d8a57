"""The picture: throughput, latency, nodes and faults over one axis of time, as inline SVG.

In: the series. Out: text. Colours come from the page's style sheet (classes and variables), so that
the picture follows the reader's light or dark setting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from chaos.history import History
from chaos.report.series import Band, Slice, Span, bands, duration, roles, slices

LEFT, RIGHT, WIDTH = 84.0, 16.0, 1120.0
LANE, NODE, GAP = 128.0, 18.0, 34.0
TOP = 44.0
LABEL_WIDTH = 74.0
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


class _Axis:
    """Time to x."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._scale = (WIDTH - LEFT - RIGHT) / seconds

    def x(self, at: float) -> float:
        return LEFT + at * self._scale

    def ticks(self) -> Iterable[int]:
        step = next((s for s in STEPS if self.seconds / s <= 12), STEPS[-1])
        return range(0, int(self.seconds) + 1, step)


def timeline(history: History) -> str:
    """The whole <svg>."""
    axis = _Axis(duration(history))
    series = slices(history)
    nodes = roles(history)
    faults = bands(history)
    throughput = TOP + 32
    latency = throughput + LANE + GAP
    first_node = latency + LANE + GAP
    bottom = first_node + len(nodes) * (NODE + 6)
    height = bottom + 30
    parts = [
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" '
        'aria-label="Throughput, latency, leaders and faults over time">',
        *_grid(axis, throughput, bottom),
        *_bands(axis, faults, bottom),
        *_throughput(axis, series, throughput),
        *_latency(axis, series, latency),
        *_nodes(axis, nodes, first_node),
        "</svg>",
    ]
    return "\n".join(parts)


def _text(x: float, y: float, text: str, kind: str = "label", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _grid(axis: _Axis, top: float, bottom: float) -> Iterable[str]:
    for second in axis.ticks():
        x = axis.x(second)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.0f}" y2="{bottom:.0f}" class="grid"/>'
        yield _text(x, bottom + 18, f"{second} s", "tick", "middle")


def _bands(axis: _Axis, faults: Sequence[Band], bottom: float) -> Iterable[str]:
    """Shaded through all lanes; the label above, on the first row that is free there."""
    free = [0.0, 0.0]
    for band in faults:
        x = axis.x(band.start)
        width = max(axis.x(band.end) - x, 2.0)
        tip = f"{band.name} {band.target}: {band.detail} ({band.end - band.start:.1f} s)"
        yield (
            f'<g><title>{escape(tip)}</title><rect x="{x:.1f}" y="{TOP:.0f}" width="{width:.1f}" '
            f'height="{bottom - TOP:.0f}" class="fault"/><rect x="{x:.1f}" y="{TOP:.0f}" '
            f'width="{width:.1f}" height="3" class="fault-edge"/></g>'
        )
        row = next((i for i, end in enumerate(free) if end <= x), None)
        if row is not None:
            yield _text(x, TOP - 6 - 15 * row, band.name, "fault-label")
            free[row] = x + 8 + 6.4 * len(band.name)


def _lane(title: str, unit: str, top: float, marks: Iterable[tuple[float, str]]) -> Iterable[str]:
    yield _text(LEFT - 10, top - 8, f"{title}, {unit}", "lane", "start")
    for y, text in marks:
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield _text(LEFT - 8, y + 4, text, "tick", "end")


def _nice(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(max(value, 1)))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= value))


def _throughput(axis: _Axis, series: Sequence[Slice], top: float) -> Iterable[str]:
    """Stacked: acknowledged, refused, unknown."""
    most = _nice(max((s.ok + s.refused + s.unknown for s in series), default=1))

    def y(value: float) -> float:
        return top + LANE - value / most * LANE

    marks = [(y(most * share), f"{most * share:g}") for share in (0, 0.5, 1)]
    yield from _lane("Operations", "per second", top, marks)
    floor = [0.0] * len(series)
    for kind in ("ok", "refused", "unknown"):
        values = [{"ok": s.ok, "refused": s.refused, "unknown": s.unknown}[kind] for s in series]
        upper = [below + value for below, value in zip(floor, values, strict=True)]
        points = [(axis.x(s.at), y(value)) for s, value in zip(series, upper, strict=True)]
        points += [
            (axis.x(s.at), y(value)) for s, value in reversed(list(zip(series, floor, strict=True)))
        ]
        yield f'<path d="{_path(points)}Z" class="area {kind}"/>'
        floor = upper
    legend = (("ok", "acknowledged"), ("refused", "refused"), ("unknown", "outcome unknown"))
    yield from _legend(top - 8, legend, "box")


def _latency(axis: _Axis, series: Sequence[Slice], top: float) -> Iterable[str]:
    """On a logarithmic scale; a slice without answers breaks the line."""
    low = math.floor(math.log10(max(1.0, min((s.p50 for s in series if s.p50), default=1.0))))
    high = max(low + 1.0, math.log10(_nice(max((s.p99 for s in series), default=10.0))))

    def y(value: float) -> float:
        return top + LANE - max(math.log10(max(value, 1.0)) - low, 0.0) / (high - low) * LANE

    powers = range(low, int(high) + 1)
    marks = [(y(10.0**power), _milliseconds(10.0**power)) for power in powers]
    yield from _lane("Latency", "logarithmic", top, marks)
    for kind in ("p99", "p50"):
        run: list[tuple[float, float]] = []
        for s in [*series, None]:
            value = 0.0 if s is None else {"p50": s.p50, "p99": s.p99}[kind]
            if s is not None and value:
                run.append((axis.x(s.at), y(value)))
            elif run:
                yield f'<path d="{_path(run)}" class="line {kind}"/>'
                run = []
    yield from _legend(top - 8, (("p50", "median"), ("p99", "99th percentile")), "dash")


def _milliseconds(value: float) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"


def _legend(y: float, entries: Iterable[tuple[str, str]], shape: str) -> Iterable[str]:
    x = WIDTH - RIGHT
    for kind, text in reversed(list(entries)):
        x -= 6.6 * len(text)
        yield _text(x, y, text, "tick")
        x -= 16
        size = 'y="{:.1f}" height="9"' if shape == "box" else 'y="{:.1f}" height="3"'
        at = y - 8.5 if shape == "box" else y - 5.5
        yield f'<rect x="{x:.1f}" {size.format(at)} width="11" rx="1.5" class="key {kind}"/>'
        x -= 12


def _nodes(axis: _Axis, nodes: dict[str, list[Span]], top: float) -> Iterable[str]:
    yield _text(LEFT - 10, top - 8, "Nodes", "lane")
    legend = (
        ("leader", "leader"),
        ("follower", "follower"),
        ("candidate", "looks for a leader"),
        ("down", "no answer"),
    )
    yield from _legend(top - 8, legend, "box")
    for number, (node, spans) in enumerate(nodes.items()):
        y = top + number * (NODE + 6)
        yield _text(LEFT - 8, y + 13, node, "tick", "end")
        for span in spans:
            x = axis.x(span.start)
            width = max(axis.x(span.end) - x, 1.0)
            term = f", term {span.term}" if span.term else ""
            tip = f"{node}: {span.role}{term}, {span.start:.1f} s to {span.end:.1f} s"
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{NODE}" rx="2" '
                f'class="role {escape(span.role)}"><title>{escape(tip)}</title></rect>'
            )
            if span.role == "leader" and width > LABEL_WIDTH:
                yield _text(x + 6, y + 13, f"term {span.term}", "on-bar")


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
