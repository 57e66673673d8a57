"""A node that lost its data does not come back as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from kapiserver.server import StartError, amnesia
from raftstore.datadir import DataDir
from raftstore.disk import RealDisk


def test_a_new_node_may_start(tmp_path: Path) -> None:
    amnesia.check(tmp_path / "data")


def test_a_node_with_its_data_may_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    DataDir.create(RealDisk(), str(data), cluster_id="c", node_id="n").close()
    amnesia.remember(data)
    amnesia.check(data)


def test_a_node_whose_data_is_gone_is_told_how_to_come_back(tmp_path: Path) -> None:
    amnesia.remember(tmp_path / "data")
    with pytest.raises(StartError, match=r"its data is lost.*member remove.*data\.formed"):
        amnesia.check(tmp_path / "data")
