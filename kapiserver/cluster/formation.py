"""The id of a cluster: what its nodes were told to call it, and who founded it.

Peers refuse a node of another cluster by this id. The token alone is not enough: a machine that is
set up by mistake as a new cluster of its own, with the token of a running one, would otherwise be
taken for a member, and two histories would meet. Founders of the same cluster were given the same
list of members; a node that joins is told the id by the member that takes it in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from raftstore.datadir import DataDir
from raftstore.disk import RealDisk

_DIGITS = 12


def formed_id(token: str, founders: Iterable[tuple[str, str]]) -> str:
    """`founders`: name and peer address of each; none: the token is an id already."""
    listed = sorted(f"{name}={address}" for name, address in founders)
    if not listed:
        return token
    return f"{token}.{hashlib.sha256(','.join(listed).encode()).hexdigest()[:_DIGITS]}"


def id_in(data_dir: Path, token: str) -> str:
    """The id under which a node has its data, if that is a cluster with this token, else "".

    Raises StorageError when the data cannot be read.
    """
    if not DataDir.exists(RealDisk(), str(data_dir)):
        return ""
    found = DataDir.identity(RealDisk(), str(data_dir))[0]
    return found if found == token or found.startswith(f"{token}.") else ""
