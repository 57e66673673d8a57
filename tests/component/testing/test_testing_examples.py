"""The examples of docs/how-to/test-an-operator.md, run as a reader would run them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
PACKAGES = {"kopf": ("kopf", "kr8s"), "kr8s": ("kr8s",), "client": ("kubernetes",)}


@pytest.mark.parametrize("example", PACKAGES)
def test_an_operator_is_tested(example: str, tmp_path: Path) -> None:
    for package in PACKAGES[example]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(settings)]
    command += ["-p", "kapiserver.testing.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(EXAMPLES / f"operator_{example}_test.py")],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    "name",
    ["operator_kr8s.py", "operator_kr8s_test.py", "operator_kopf.py", "operator_kopf_test.py"],
)
def test_the_how_to_shows_the_example_as_it_is(name: str) -> None:
    page = (EXAMPLES.parent / "how-to" / "test-an-operator.md").read_text()
    assert f"```python\n{(EXAMPLES / name).read_text()}```\n" in page
