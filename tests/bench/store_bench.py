"""Commits per second, latency and CPU of raftstore: real processes, real disk, real TLS.

    python tests/bench/store_bench.py [--seconds 3] [--size 1024] [--nodes 1 3] [--proposers …]

Each node is one process. The leader (or a follower, with --via follower) drives a closed loop of
proposers. CPU per commit is the process time of the node that proposes, load generator included.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import trio

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/component/raftstore")]

from raftstore_cluster import free_address  # noqa: E402
from raftstore_pki import Authority  # noqa: E402

from raftstore.config import StoreConfig  # noqa: E402
from raftstore.store import Store, open_store  # noqa: E402
from raftstore.transport import TlsFiles  # noqa: E402
from raftstore.types import Member, Put  # noqa: E402


async def closed_loop(
    store: Store, proposers: int, seconds: float, size: int, *, read: bool
) -> dict[str, float]:
    """`proposers` tasks, each with one request in flight; the first half second is not counted."""
    latencies: list[float] = []
    value = os.urandom(size)
    running = True

    async def propose(n: int) -> None:
        key = b"/bench/%d" % n
        while running:
            started = time.perf_counter()
            if read:
                await store.read_barrier()
            else:
                await store.txn((), (Put(key, value),))
            latencies.append(time.perf_counter() - started)

    async with trio.open_nursery() as nursery:
        for n in range(proposers):
            nursery.start_soon(propose, n)
        await trio.sleep(0.5)
        latencies.clear()
        cpu, clock, syncs = time.process_time(), time.perf_counter(), store.status().log_syncs
        await trio.sleep(seconds)
        count = len(latencies)
        cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
        syncs = store.status().log_syncs - syncs
        found = sorted(latencies[:count]) or [0.0]
        running = False
    return {
        "rate": count / clock,
        "p50": found[len(found) // 2] * 1e3,
        "p99": found[int(len(found) * 0.99)] * 1e3,
        "cpu_us": cpu / max(count, 1) * 1e6,
        "syncs": syncs / clock,
    }


async def node(config: StoreConfig) -> None:
    """A node that obeys one JSON command per line on stdin."""
    async with open_store(config) as store:
        while True:
            line = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
            if not line:
                return
            command = orjson.loads(line)
            answer: object
            if command["do"] == "role":
                answer = store.status().role if store.leader_id else ""
            elif command["do"] == "cpu":
                answer = time.process_time()
            else:
                profile = cProfile.Profile() if command["profile"] else None
                if profile:
                    profile.enable()
                answer = await closed_loop(
                    store,
                    command["proposers"],
                    command["seconds"],
                    command["size"],
                    read=command["read"],
                )
                if profile:
                    profile.disable()
                    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(35)
            sys.stdout.write(orjson.dumps(answer).decode() + "\n")
            sys.stdout.flush()


class Nodes:
    def __init__(self, size: int, directory: Path) -> None:
        authority = Authority(directory / "pki")
        members = [[f"n{i + 1}", free_address()] for i in range(size)]
        self.processes = {}
        for node_id, _ in members:
            files = authority.member(node_id)
            arguments = {
                "node_id": node_id,
                "data_dir": str(directory / node_id),
                "members": members,
                "tls": [str(files.ca), str(files.cert), str(files.key)],
            }
            self.processes[node_id] = subprocess.Popen(
                [sys.executable, __file__, "--node", orjson.dumps(arguments).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self.leader, self.follower = self._roles()

    def ask(self, node_id: str, **command: object) -> object:
        process = self.processes[node_id]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(orjson.dumps(command).decode() + "\n")
        process.stdin.flush()
        return orjson.loads(process.stdout.readline())

    def _roles(self) -> tuple[str, str]:
        while True:
            roles = {node_id: self.ask(node_id, do="role") for node_id in self.processes}
            if "leader" in roles.values() and "" not in roles.values():
                leader = next(n for n, role in roles.items() if role == "leader")
                return leader, next((n for n in roles if n != leader), leader)
            time.sleep(0.05)

    def close(self) -> None:
        for process in self.processes.values():
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes.values():
            process.wait(20)


def node_config(text: str) -> StoreConfig:
    arguments = orjson.loads(text)
    return StoreConfig(
        node_id=arguments["node_id"],
        cluster_id="bench",
        data_dir=arguments["data_dir"],
        members=tuple(Member(node_id, address) for node_id, address in arguments["members"]),
        tls=TlsFiles(*arguments["tls"]),
    )


def measure(options: argparse.Namespace, size: int) -> None:
    with tempfile.TemporaryDirectory(dir=options.dir) as directory:
        nodes = Nodes(size, Path(directory))
        print(f"{size} node(s), {options.size} byte values, through the {options.via}")
        who = nodes.leader if options.via == "leader" else nodes.follower
        for kind in ("write", "read"):
            for proposers in options.proposers:
                peer_cpu = nodes.ask(nodes.follower, do="cpu")
                found = nodes.ask(
                    who,
                    do="run",
                    proposers=proposers,
                    seconds=options.seconds,
                    size=options.size,
                    read=kind == "read",
                    profile=options.profile,
                )
                assert isinstance(found, dict)
                peer = float(str(nodes.ask(nodes.follower, do="cpu"))) - float(str(peer_cpu))
                done = found["rate"] * (options.seconds + 0.5)
                print(
                    f"  {kind:5} x{proposers:<4} {found['rate']:8.0f}/s"
                    f"  p50 {found['p50']:6.2f} ms  p99 {found['p99']:6.2f} ms"
                    f"  CPU {found['cpu_us']:5.0f} µs here, {peer / max(done, 1) * 1e6:5.0f} µs on"
                    f" a follower  {found['syncs']:5.0f} syncs/s",
                    flush=True,
                )
        nodes.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--node", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1, 3])
    parser.add_argument("--proposers", type=int, nargs="*", default=[1, 16, 128])
    parser.add_argument("--via", choices=["leader", "follower"], default="leader")
    parser.add_argument("--dir", help="where the data directories are made")
    parser.add_argument("--profile", action="store_true", help="profile the proposing node")
    options = parser.parse_args()
    if options.node:
        trio.run(node, node_config(options.node))
        return
    for size in options.nodes:
        measure(options, size)


if __name__ == "__main__":
    main()
