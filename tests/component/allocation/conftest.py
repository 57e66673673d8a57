"""Fixtures of the allocation tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from allocation_world import BOTH_FAMILIES, Node, running


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with running(tmp_path) as (found,):
        yield found


@pytest.fixture
async def dual(tmp_path: Path) -> AsyncIterator[Node]:
    async with running(tmp_path, ranges=BOTH_FAMILIES) as (found,):
        yield found
