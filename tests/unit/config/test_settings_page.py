"""The reference pages say what the program has."""

from __future__ import annotations

from pathlib import Path

import pytest

from kapiserver.cli.main import COMMANDS
from kapiserver.config import OPTIONS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_setting_is_on_its_page(option: object) -> None:
    page = (DOCS / "reference/settings.md").read_text()
    assert f"`--{option.name} " in page  # type: ignore[attr-defined]
    assert option.help in page  # type: ignore[attr-defined]


def test_the_page_has_no_setting_that_does_not_exist() -> None:
    page = (DOCS / "reference/settings.md").read_text()
    named = [line.split()[1].strip("`-") for line in page.splitlines() if line.startswith("| `--")]
    assert sorted(named) == sorted(option.name for option in OPTIONS)


def test_every_command_is_on_its_page() -> None:
    page = (DOCS / "reference/cli.md").read_text() + (DOCS / "index.md").read_text()
    for command in COMMANDS:
        if command.name != "version":
            assert f"kapiserver {command.name}" in page


def test_no_page_links_to_one_that_is_not_there() -> None:
    import re

    broken = []
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(DOCS)}: {target}")
    assert not broken
