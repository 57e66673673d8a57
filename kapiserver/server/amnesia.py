"""A node that has lost its data must not come back under its old membership.

It has acknowledged writes and cast votes that it no longer knows; as a voter it could help to elect
a leader that lacks acknowledged writes, and as a founder it would begin the cluster anew. So the
node leaves a mark beside its data folder when it has been part of the cluster, and refuses to start
when the mark is there and the data is not. (etcd refuses for the same reason.)
"""

from __future__ import annotations

from pathlib import Path

from kapiserver.server.settings import StartError
from raftstore.datadir import DataDir
from raftstore.disk import RealDisk


def mark_of(data_dir: Path) -> Path:
    """`data.formed` beside `data`."""
    return data_dir.with_name(data_dir.name + ".formed")


def remember(data_dir: Path) -> None:
    """The node has been ready once."""
    mark_of(data_dir).touch()


def check(data_dir: Path) -> None:
    """Raises StartError when the data is gone."""
    if mark_of(data_dir).exists() and not DataDir.exists(RealDisk(), str(data_dir)):
        raise StartError(
            f"--data-dir: {data_dir} is empty, but this node has been a member of a cluster: its "
            "data is lost. Remove the member ('kapiserver member remove'), delete "
            f"{mark_of(data_dir)}, and let it join again; 'kapiserver up' does all that by itself"
        )
