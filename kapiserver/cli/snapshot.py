"""`kapiserver snapshot save|status|restore FILE`: backups of a live cluster."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import trio

from kapiserver.cli import layout
from kapiserver.cli.command import Command, CommandError
from kapiserver.cli.local import human_size
from kapiserver.cli.target import Target, add_target, find_target
from kapiserver.cluster.formation import formed_id
from raftstore.disk import RealDisk
from raftstore.errors import StoreError
from raftstore.snapshot import SnapshotMeta, restore_directory, verify_file
from raftstore.types import Member


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="save|status|restore", required=True)
    save = actions.add_parser("save", help="write the state of a live cluster to FILE")
    save.add_argument("file", metavar="FILE")
    add_target(save)
    status = actions.add_parser("status", help="verify FILE and say what is in it")
    status.add_argument("file", metavar="FILE")
    status.add_argument("-o", "--output", choices=("text", "json"), default="text")
    restore = actions.add_parser("restore", help="make a new local cluster from FILE")
    restore.add_argument("file", metavar="FILE")
    restore.add_argument(
        "--data-dir",
        metavar="DIR",
        default=layout.DEFAULT_DIRECTORY,
        help=f"the new cluster's folder (default: ./{layout.DEFAULT_DIRECTORY})",
    )
    restore.add_argument("--nodes", type=int, metavar="N", default=3, help="default: 3")
    restore.add_argument(
        "--port", type=int, metavar="BASE", default=layout.DEFAULT_PORT, help="as in 'up'"
    )


def run(arguments: argparse.Namespace) -> int:
    action = {"save": _save, "status": _status, "restore": _restore}[arguments.action]
    return action(arguments)


def verified(path: Path) -> SnapshotMeta:
    """What a snapshot file holds; CommandError unless every byte is as it was written."""
    if not path.is_file():
        raise CommandError(f"{path} does not exist")
    try:
        return verify_file(RealDisk(), str(path))
    except (StoreError, OSError) as error:
        raise CommandError(f"{path} is not a usable snapshot: {error}") from error


def _save(arguments: argparse.Namespace) -> int:
    path = layout.absolute(arguments.file)
    partial = path.with_name(path.name + ".partial")
    try:
        with find_target(arguments) as target:
            size = trio.run(_download, target, partial)
        meta = verified(partial)
        partial.replace(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    print(f"saved revision {meta.revision} ({human_size(size)}) to {path}")
    return 0


async def _download(target: Target, path: Path) -> int:
    written = 0
    async with (
        target.stream("/kapi/v1/snapshot") as answer,
        await trio.open_file(path, "wb") as file,
    ):
        os.fchmod(file.fileno(), 0o600)
        async for chunk in answer.chunks:
            await file.write(chunk)
            written += len(chunk)
        await file.flush()
        await trio.to_thread.run_sync(os.fsync, file.fileno())
    return written


def _status(arguments: argparse.Namespace) -> int:
    path = layout.absolute(arguments.file)
    meta = verified(path)
    facts = {
        "file": str(path),
        "revision": meta.revision,
        "index": meta.index,
        "term": meta.term,
        "size": path.stat().st_size,
        "stateHash": meta.state_hash.hex(),
        "clusterId": meta.cluster_id,
        "members": [member.node_id for member in meta.members],
    }
    if arguments.output == "json":
        print(json.dumps(facts, indent=2))
    else:
        for name, value in facts.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            print(f"{name:10}  {shown}")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    path = layout.absolute(arguments.file)
    directory = layout.absolute(arguments.data_dir)
    meta = verified(path)
    if layout.exists(directory):
        raise CommandError(
            f"{directory} (--data-dir) has a cluster already: restore into a new folder, so that "
            "nothing is overwritten"
        )
    cluster = layout.create(directory, count=arguments.nodes, base_port=arguments.port)
    members = [
        Member(node.name, node.peer_address, False, (("url", node.url),)) for node in cluster.nodes
    ]
    founders = [(node.name, node.peer_address) for node in cluster.nodes]
    formed = formed_id(cluster.cluster_id, founders)
    for node in cluster.nodes:
        restore_data(path, node.data_path, formed, node.name, members)
    print(f"restored revision {meta.revision} into {directory}. Start it:\n")
    print(f"  kapiserver up --data-dir {directory}")
    return 0


def restore_data(
    path: Path, data: Path, cluster_id: str, name: str, members: Sequence[Member]
) -> None:
    """Fill a node's data folder from a snapshot file, as part of a new cluster."""
    try:
        restore_directory(
            RealDisk(),
            str(path),
            str(data),
            cluster_id=cluster_id,
            node_id=name,
            members=members,
        )
    except (StoreError, OSError) as error:
        raise CommandError(f"cannot restore {path} into {data}: {error}") from error


COMMAND = Command(
    "snapshot",
    "Save, verify and restore backups of a live cluster.",
    "kapiserver snapshot save backup.kapi",
    add_arguments,
    run,
)
