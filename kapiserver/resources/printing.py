"""What the tables share: durations, ages, selectors, and the columns that every kind has.

Cells get the decoded object and the current unix time and never raise: an object that lacks a
field prints the placeholder that kube-apiserver prints for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from kapiserver.resources.definition import Column, FieldDoc, Object

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"

MINUTE = 60
HOUR = 60 * MINUTE
DAY_HOURS = 24
YEAR_DAYS = 365

Cell = Callable[[Object, float], Any]


def human_duration(seconds: float) -> str:
    """A duration in at most two units, coarser as it grows: 90s, 5m3s, 47m, 7h5m, 3d4h, 2y17d.

    Up to two seconds below zero is clock skew and prints as 0s.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 2 * MINUTE:
        return f"{whole}s"
    minutes = whole // MINUTE
    if minutes < 10:
        return _two_units(minutes, "m", whole % MINUTE, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // HOUR
    if hours < 8:
        return _two_units(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // DAY_HOURS
    if days < 8:
        return _two_units(days, "d", hours % DAY_HOURS, "h")
    if days < 2 * YEAR_DAYS:
        return f"{days}d"
    years = days // YEAR_DAYS
    if years < 8:
        return _two_units(years, "y", days % YEAR_DAYS, "d")
    return f"{years}y"


def _two_units(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def unix_time(timestamp: Any) -> float | None:
    """Seconds since the epoch of an RFC 3339 timestamp; None for an absent or broken one."""
    return _parsed(timestamp) if isinstance(timestamp, str) and timestamp else None


@lru_cache(8192)
def _parsed(timestamp: str) -> float | None:
    """Remembered, for objects come in crowds: of a thousand pods, many have the same second."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return None


def since(timestamp: Any, now: float) -> str:
    moment = unix_time(timestamp)
    return UNKNOWN if moment is None else human_duration(now - moment)


def dig(obj: Any, *path: str) -> Any:
    """The value at a path of dicts, or None."""
    for step in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(step)
    return obj


# Tables and rules are made of these. Each walks by itself: to have `dig` do it takes twice as long.


def items(obj: Any, *path: str) -> list[Any]:
    """The list at a path; empty when there is none."""
    for step in path:
        if not isinstance(obj, dict):
            return []
        obj = obj.get(step)
    return obj if isinstance(obj, list) else []


def text(obj: Any, *path: str, absent: str = "") -> str:
    for step in path:
        if not isinstance(obj, dict):
            return absent
        obj = obj.get(step)
    if isinstance(obj, str):
        return obj or absent
    return absent if obj is None else str(obj)


def number(obj: Any, *path: str) -> int:
    for step in path:
        if not isinstance(obj, dict):
            return 0
        obj = obj.get(step)
    return obj if isinstance(obj, int) else 0


def format_labels(labels: Any) -> str:
    if not isinstance(labels, Mapping) or not labels:
        return NONE
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def selector_text(selector: Any) -> str:
    """A label selector in its canonical string form; empty when it selects everything."""
    requirements: list[tuple[str, str]] = []
    labels = dig(selector, "matchLabels")
    if isinstance(labels, dict):
        requirements.extend((key, f"{key}={value}") for key, value in labels.items())
    for expression in items(selector, "matchExpressions"):
        key = text(expression, "key")
        values = ",".join(sorted(str(value) for value in items(expression, "values")))
        spelled = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        requirements.append((key, spelled.get(text(expression, "operator"), key)))
    return ",".join(written for _, written in sorted(requirements, key=lambda pair: pair[0]))


def format_selector(selector: Any) -> str:
    return selector_text(selector) or NONE


def joined_with_more(shown: Sequence[str], total: int, *, empty: str = UNSET) -> str:
    """A list cut short: 'a,b,c + 4 more...'."""
    line = ",".join(shown)
    if total > len(shown):
        return f"{line} + {total - len(shown)} more..."
    return line or empty


def container_names(spec: Any) -> str:
    return ",".join(text(container, "name") for container in items(spec, "containers"))


def container_images(spec: Any) -> str:
    return ",".join(text(container, "image") for container in items(spec, "containers"))


def name(obj: Object, now: float) -> str:
    found: str = obj["metadata"].get("name", "")
    return found


def age(obj: Object, now: float) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def created_at(obj: Object, now: float) -> Any:
    return dig(obj, "metadata", "creationTimestamp")


def value_at(*path: str, absent: str = "") -> Cell:
    return lambda obj, now: text(obj, *path, absent=absent)


def number_at(*path: str) -> Cell:
    return lambda obj, now: number(obj, *path)


def flag_at(*path: str, absent: bool = False) -> Cell:
    def cell(obj: Object, now: float) -> bool:
        found = dig(obj, *path)
        return found if isinstance(found, bool) else absent

    return cell


def count_at(*path: str) -> Cell:
    """How many entries a list or a map has."""

    def cell(obj: Object, now: float) -> int:
        found = dig(obj, *path)
        return len(found) if isinstance(found, list | dict) else 0

    return cell


def labels_at(*path: str) -> Cell:
    return lambda obj, now: format_labels(dig(obj, *path))


def selector_at(*path: str) -> Cell:
    return lambda obj, now: format_selector(dig(obj, *path))


def names_at(*path: str) -> Cell:
    return lambda obj, now: container_names(dig(obj, *path))


def images_at(*path: str) -> Cell:
    return lambda obj, now: container_images(dig(obj, *path))


def doc(path: str) -> FieldDoc:
    """`core.v1.PodStatus.podIP`: what the schema says of a field."""
    schema, _, field = path.rpartition(".")
    return FieldDoc(f"io.k8s.api.{schema}", field)


def column(
    title: str,
    cell: Cell,
    description: str | FieldDoc = "",
    *,
    type: str = "string",
    format: str = "",
    wide: bool = False,
) -> Column:
    return Column(title, type, cell, description, format, 1 if wide else 0)


_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_CREATED = FieldDoc(_METADATA, "creationTimestamp")

NAME = column("Name", name, FieldDoc(_METADATA, "name"), format="name")
AGE = column("Age", age, _CREATED)


def marked_name(annotation: str) -> Column:
    """The name, marked when an annotation makes the class the default one."""

    def cell(obj: Object, now: float) -> str:
        marks = dig(obj, "metadata", "annotations") or {}
        return f"{name(obj, now)} (default)" if marks.get(annotation) == "true" else name(obj, now)

    return column("Name", cell, NAME.description, format="name")


CREATED_AT = column("Created At", created_at, _CREATED, type="date")

# What a kind without a table of its own prints.
PLAIN: tuple[Column, ...] = (NAME, CREATED_AT)


def table(*columns: Column) -> tuple[Column, ...]:
    """Columns between the name and the age."""
    return (NAME, *columns, AGE)


def pod_template_columns(*spec: str) -> tuple[Column, Column]:
    """The wide columns of everything that has a pod template."""
    return (
        column(
            "Containers", names_at(*spec), "Names of each container in the template.", wide=True
        ),
        column(
            "Images",
            images_at(*spec),
            "Images referenced by each container in the template.",
            wide=True,
        ),
    )


def selector_column(cell: Cell, description: FieldDoc) -> Column:
    return column("Selector", cell, description, wide=True)


def comma_list(values: Iterable[Any], *, absent: str = "") -> str:
    return ",".join(str(value) for value in values) or absent
