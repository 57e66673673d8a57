"""The server of the API tests in this process, with the garbage collector running in it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))  # its world is ours

from api_world import Api, running
from gc_world import Collected


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running(tmp_path) as client:
        yield client


@pytest.fixture
async def world(api: Api) -> AsyncIterator[Collected]:
    """With the garbage collector at work."""
    found = Collected(api)
    found.start()
    yield found
    found.stop()
