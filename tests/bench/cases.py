"""The measurements on a running server, in their order: each is a function of the `Bench`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench import objects
from tests.bench.client import Caller
from tests.bench.connection import ConnectionFailed
from tests.bench.measure import LoadProcess, MeasurementFailed, Result, run_load
from tests.bench.target import Target

PROTOCOLS = ("h1", "h2")
SMALL = "bench-small"
"""1,000 objects, for get and update."""
LARGE = "bench-10000"
WRITES = "bench-writes"
GET_OBJECTS = 1_000
EVENTS_PER_SECOND = 20
Switch = Callable[[], None]


class Bench:
    """One run against one server. `profile` is called before and after every measurement."""

    def __init__(
        self,
        target: Target,
        *,
        quick: bool,
        show: Callable[[Result], None],
        profile: tuple[Switch, Callable[[str], None]] | None = None,
    ) -> None:
        self.target = target
        self.quick = quick
        self.seconds = 1.0 if quick else 2.0
        self._show = show
        self._profile = profile
        self._prepared: set[str] = set()

    def load(self, name: str, protocol: str, **spec: Any) -> None:
        spec = {"seconds": self.seconds, "clients": 1, **spec}
        around: tuple[Switch, ...] = ()
        if self._profile is not None:
            start, stop = self._profile
            around = (start, lambda: stop(f"{name}, {protocol}"))
        self._show(run_load(self.target, name, protocol, spec, around=around))

    def namespace(self, name: str) -> None:
        if name in self._prepared:
            return
        with Caller(self.target.server) as caller:
            answer = caller.call("POST", objects.NAMESPACES, objects.namespace(name))
        if answer.status == 409:
            raise MeasurementFailed(
                f"the namespace {name} exists: delete it first, or let its deletion end"
            )
        if answer.status != 201:
            raise MeasurementFailed(f"namespace {name}: {answer.status} {answer.body[:500]!r}")
        self._prepared.add(name)

    def fill(self, namespace: str, first: int, count: int) -> None:
        spec = {
            "script": "create", "namespace": namespace, "prefix": "object", "seconds": 300.0,
            "clients": 16, "first": first, "objects": count,
        }  # fmt: skip
        run_load(self.target, "fill", "h1", spec)

    def small(self) -> None:
        self.filled(SMALL, GET_OBJECTS)

    def filled(self, namespace: str, count: int) -> None:
        if namespace not in self._prepared:
            self.namespace(namespace)
            self.fill(namespace, 0, count)

    def clean(self) -> None:
        """Delete what was made; a server that finishes namespaces has nothing left of it."""
        with Caller(self.target.server, timeout=60.0) as caller:
            for name in sorted(self._prepared):
                caller.call("DELETE", f"{objects.NAMESPACES}/{name}")

    # measurements

    def get(self) -> None:
        self.small()
        for protocol in PROTOCOLS:
            for clients in (1, 16, 64):
                plural = "client" if clients == 1 else "clients"
                self.load(
                    f"get, {clients} {plural}", protocol, script="get", clients=clients,
                    namespace=SMALL, prefix="object", objects=GET_OBJECTS,
                )  # fmt: skip
        self.load(
            "get, 64 on one connection", "h2", script="get", clients=64, shared_connection=True,
            namespace=SMALL, prefix="object", objects=GET_OBJECTS,
        )  # fmt: skip

    def create(self) -> None:
        self.namespace(WRITES)
        for protocol in PROTOCOLS:
            for clients in (1, 16):
                plural = "client" if clients == 1 else "clients"
                self.load(
                    f"create, {clients} {plural}", protocol, script="create", clients=clients,
                    namespace=WRITES, prefix=f"new-{protocol}-{clients}", objects=0,
                )  # fmt: skip

    def update(self) -> None:
        self.small()
        for protocol in PROTOCOLS:
            for clients in (1, 16):
                plural = "client" if clients == 1 else "clients"
                self.load(
                    f"update, {clients} {plural}", protocol, script="update", clients=clients,
                    namespace=SMALL, prefix="object",
                )  # fmt: skip

    def lists(self) -> None:
        for count in (1_000, 5_000, 10_000):
            namespace = f"bench-{count}"
            self.filled(namespace, count)
            for protocol in PROTOCOLS:
                self._list(f"list {count:,}", namespace, protocol)
            if count == 1_000:
                self._list("list 1,000 as a table", namespace, "h2", table=True)
            if count == 5_000:
                self._list("list 5,000, gzip", namespace, "h2", gzip=True)

    def _list(self, name: str, namespace: str, protocol: str, **spec: bool) -> None:
        self.load(name, protocol, script="list", namespace=namespace, at_least=3, **spec)

    def pages(self) -> None:
        self.filled(LARGE, 10_000)
        for protocol in PROTOCOLS:
            self.load(
                "list 10,000 in pages of 500", protocol, script="pages", namespace=LARGE,
                objects=10_000, limit=500, at_least=2,
            )  # fmt: skip

    def watch(self) -> None:
        self.small()
        for watchers in (100, 1_000):
            for protocol in ("h2",) if self.quick else PROTOCOLS:
                self._watch(watchers, protocol)

    def _watch(self, watchers: int, protocol: str) -> None:
        """Updates of one object at a steady pace; every watcher must see every one of them."""
        name = f"watch, {watchers:,} watchers"
        seconds = self.seconds * 2
        with Caller(self.target.server) as caller:
            path = objects.item(SMALL, "object-0")
            listing = caller.json("GET", objects.collection(SMALL) + "?limit=1")
            spec = {
                "server": self.target.as_json(), "protocol": protocol, "clients": watchers,
                "namespace": SMALL, "seconds": seconds,
                "revision": listing["metadata"]["resourceVersion"],
            }  # fmt: skip
            process = LoadProcess("watchers", spec)
            with self._profiled(f"{name}, {protocol}"):
                before = self.target.cpu_seconds()
                began = time.perf_counter()
                count = int(seconds * EVENTS_PER_SECOND)
                for number in range(count):
                    body = objects.config_map("object-0", stamp=time.monotonic_ns())
                    answer = caller.call("PUT", path, body)
                    if answer.status != 200:
                        raise ConnectionFailed(f"PUT: {answer.status} {answer.body[:200]!r}")
                    due = began + (number + 1) / EVENTS_PER_SECOND
                    time.sleep(max(0.0, due - time.perf_counter()))
                process.go()
                report = process.report()
                after = self.target.cpu_seconds()
        result = Result(name, protocol, report["events"], time.perf_counter() - began)
        result.latencies = report["latencies"]
        if before is not None and after is not None and result.operations:
            result.cpu = (after - before) / result.operations
        missing = watchers * count - result.operations
        result.note = f"{missing} LOST" if missing else "none lost"
        self._show(result)

    @contextmanager
    def _profiled(self, name: str) -> Iterator[None]:
        if self._profile is None:
            yield
            return
        self._profile[0]()
        yield
        self._profile[1](name)


CASES: dict[str, Callable[[Bench], None]] = {
    "get": Bench.get,
    "create": Bench.create,
    "update": Bench.update,
    "watch": Bench.watch,
    "list": Bench.lists,
    "pages": Bench.pages,
}


def version_of(target: Target) -> str:
    with Caller(target.server) as caller:
        answer = caller.call("GET", "/version")
    try:
        return str(json.loads(answer.body)["gitVersion"])
    except (ValueError, KeyError):
        return "unknown"
