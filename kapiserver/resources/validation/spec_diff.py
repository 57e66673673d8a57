"""What differs between two specs, as lines for a message that people read.

The form is that of the diffs in kube-apiserver's messages: fields by their Go names, old values
after a minus, new ones after a plus, what is equal left out.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import shown
from kapiserver.resources.validation.same import same

MAX_LINES = 100
_INITIALS = {"dns": "DNS", "os": "OS", "tty": "TTY", "uid": "UID", "ip": "IP", "http": "HTTP"}


def spec_diff(old: Object, new: Object, title: str) -> str:
    lines: list[str] = []
    _fields(lines, old, new, "\t")
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"  \t... // {len(lines) - MAX_LINES} more lines"]
    return "\n".join([f"  {title}{{", *lines, "  }", ""])


def _fields(lines: list[str], old: Object, new: Object, indent: str) -> None:
    equal = 0
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if same(before, after):
            equal += 1
            continue
        equal = _skipped(lines, equal, indent)
        label = f"{_go_name(name)}: "
        if isinstance(before, dict) and isinstance(after, dict):
            lines.append(f"  {indent}{label}{{")
            _fields(lines, before, after, indent + "\t")
            lines.append(f"  {indent}}},")
        elif isinstance(before, list) and isinstance(after, list):
            lines.append(f"  {indent}{label}{{")
            _entries(lines, before, after, indent + "\t")
            lines.append(f"  {indent}}},")
        else:
            _replaced(lines, before, after, indent, label)
    _skipped(lines, equal, indent)


def _entries(lines: list[str], old: list[Any], new: list[Any], indent: str) -> None:
    for position in range(max(len(old), len(new))):
        before = old[position] if position < len(old) else None
        after = new[position] if position < len(new) else None
        if same(before, after):
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            lines.append(f"  {indent}{{")
            _fields(lines, before, after, indent + "\t")
            lines.append(f"  {indent}}},")
        else:
            _replaced(lines, before, after, indent, "")


def _replaced(lines: list[str], before: Any, after: Any, indent: str, label: str) -> None:
    if before is not None or label:
        lines.append(f"- {indent}{label}{_shown(before)},")
    if after is not None or label:
        lines.append(f"+ {indent}{label}{_shown(after)},")


def _shown(value: Any) -> str:
    return "nil" if value is None else shown(value)


def _skipped(lines: list[str], count: int, indent: str) -> int:
    if count:
        lines.append(f"  {indent}... // {count} identical field{'s' if count > 1 else ''}")
    return 0


def _go_name(name: str) -> str:
    for prefix, spelled in _INITIALS.items():
        rest = name.removeprefix(prefix)
        if rest != name and (not rest or rest[0].isupper()):
            return spelled + rest
    return name[:1].upper() + name[1:]
