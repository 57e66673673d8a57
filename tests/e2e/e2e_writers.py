"""Clients that write through every node for as long as they are told, and remember every answer."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from e2e_cluster import CONFIG_MAPS, Api, Cluster, Unreachable, config_map, until

PAUSE = 0.01


class Writers:
    """One thread per node; each creates objects with new names, one after another.

    `acknowledged` has (time.monotonic, node, name) of every 201. A write with any other outcome may
    or may not have happened: its name is not used again.
    """

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self.acknowledged: list[tuple[float, int, str]] = []
        self._cluster = cluster
        self._prefix = prefix
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(node,), daemon=True)
            for node in range(cluster.nodes)
        ]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=30.0)

    def _write(self, node: int) -> None:
        api = self._cluster.api(node, timeout=5.0)
        number = 0
        while not self._over.is_set():
            number += 1
            name = f"{self._prefix}-{node}-{number}"
            try:
                status, _ = api("POST", CONFIG_MAPS, config_map(name, node=str(node)))
            except Unreachable:
                status = 0
            if status == 201:
                self.acknowledged.append((time.monotonic(), node, name))
            else:
                self._over.wait(PAUSE)
        api.close()

    def wait_for(self, count: int, *, node: int | None = None, since: float = 0.0) -> float:
        """Until `count` more writes were acknowledged after `since`; the first one's time."""

        def found() -> list[float]:
            times = [
                moment
                for moment, by, _ in self.acknowledged[:]
                if moment > since and node in (None, by)
            ]
            return times if len(times) >= count else []

        times: list[float] = until(found, f"{count} acknowledged writes")
        return times[0]


def names_on(api: Api, prefix: str) -> set[str]:
    """The names that a node lists."""
    status, found = api("GET", CONFIG_MAPS)
    assert status == 200, found
    names = (item["metadata"]["name"] for item in found["items"])
    return {name for name in names if name.startswith(prefix)}


def nothing_lost(cluster: Cluster, writers: Writers, prefix: str) -> None:
    """Every acknowledged write is shown by every node, and the states are equal."""
    expected = {name for _, _, name in writers.acknowledged}
    assert expected
    for node in range(cluster.nodes):
        missing = expected - names_on(cluster.api(node), prefix)
        assert not missing, f"node-{node + 1} lost {sorted(missing)[:5]} of {len(expected)}"
    cluster.equal_states()
