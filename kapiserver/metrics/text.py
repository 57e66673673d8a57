"""Prometheus' text format, written as it is collected.

In: families and their samples. Out: the lines of a scrape. Label sets are made into text once
(`labelled`) and kept by who counts, because a scrape repeats them for every bucket.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

from kapiserver.histogram import Histogram

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def labelled(**labels: str) -> str:
    """`name="value",…`, in the order given."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())


class Text:
    """The lines of a scrape."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(self, name: str, kind: str, documentation: str) -> None:
        """Begin a family: `kind` is counter, gauge or histogram."""
        self._lines.append(f"# HELP {name} {documentation}\n# TYPE {name} {kind}\n")

    def sample(self, name: str, labels: str, value: float) -> None:
        text = f"{{{labels}}}" if labels else ""
        self._lines.append(f"{name}{text} {_number(value)}\n")

    def histogram(self, name: str, labels: str, histogram: Histogram) -> None:
        """The samples of one label set. Nothing for one that has seen nothing."""
        running = list(accumulate(histogram.counts))
        if not running[-1]:
            return
        comma = "," if labels else ""
        start = f'{name}_bucket{{{labels}{comma}le="'
        self._lines += [
            f'{start}{bound}"}} {count}\n'
            for bound, count in zip(_bounds(histogram.bounds), running, strict=True)
        ]
        self.sample(f"{name}_sum", labels, histogram.total)
        self.sample(f"{name}_count", labels, running[-1])

    def encoded(self) -> bytes:
        return "".join(self._lines).encode()


@lru_cache(16)
def _bounds(bounds: tuple[float, ...]) -> tuple[str, ...]:
    return (*map(_number, bounds), "+Inf")


def _number(value: float) -> str:
    """Whole numbers without a fraction, as Go's clients write them."""
    return str(int(value)) if value == int(value) else repr(float(value))
