"""Tables of facts about definitions that are kept as text beside the code that reads them.

In: a file of lines `Name facts…` under headings `[package]`; `#` begins a comment. Out: the facts,
still as text, by the definition's full name. What the facts mean is known to whoever asks.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def facts_in(path: Path) -> dict[str, str]:
    """The text is split into lines once."""
    facts: dict[str, str] = {}
    package = ""
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("["):
            package = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, text = line.partition(" ")
            facts[f"{package}.{name}"] = text
    return facts
