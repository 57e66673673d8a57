"""Node ports: one key per port in the store, which says whose it is.

In: a service as it is wanted and as it was. Out: its ports filled in, in place, and a `Together`
for its transaction. A port has one owner for all protocols, who may use it for several.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from kapiserver.allocation.ranges import PortRange
from kapiserver.allocation.records import Records, internal, parent_of, refused
from kapiserver.errors import Cause, UnclassifiedError
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.printing import items
from kapiserver.resources.service_kinds import LOAD_BALANCER, needs_health_check, on_nodes
from kapiserver.storage.keys import KeySpace
from kapiserver.storage.together import NOTHING, Together, new_record, record_gone
from raftstore.types import KeyValue

KEYS = KeySpace("servicenodeports", namespaced=False)

_TAKEN = "provided port is already allocated"
_FULL = "range is full"
_EXAMPLE = 32769  # what a dry run shows, as upstream


class PortRecord(NamedTuple):
    port: int
    namespace: str
    name: str
    revision: int


def new_port(port: int, service: Object) -> Together:
    """The record of a port that a service takes. It looks like an object; it is not served."""
    record = {
        "kind": "NodePort",
        "apiVersion": "allocation.internal/v1",
        "metadata": {"name": str(port)},
        "spec": {"parentRef": parent_of(service["metadata"])},
    }
    return new_record(KEYS.key("", str(port)), record)


def read_port(kv: KeyValue) -> PortRecord:
    parent = orjson.loads(kv.value)["spec"]["parentRef"]
    port = int(KEYS.split(kv.key)[1])
    return PortRecord(port, parent["namespace"], parent["name"], kv.mod_revision)


class PortAllocator:
    """One per node."""

    def __init__(self, records: Records, ports: PortRange) -> None:
        self._records = records
        self._ports = ports

    def record(self, port: int) -> PortRecord | None:
        """Who has a port, as far as this node knows."""
        found = self._records.storage.backend.get(KEYS.key("", str(port)))
        return None if found is None else read_port(found)

    async def assign(self, service: Object, old: Object | None, *, dry_run: bool) -> Together:
        """Raises Invalid, and InternalError when all are taken."""
        claims = _Claims(self, self._records, self._ports, service, dry_run=dry_run)
        spec = service["spec"]
        before: Object = {} if old is None else old.get("spec") or {}
        held = all_ports(before)
        if on_nodes(spec):
            if old is None:
                await claims.assign_new(spec)
            else:
                await claims.assign_changed(spec, held)
        if needs_health_check(spec) and not needs_health_check(before):
            await claims.assign_health_check(spec, held)
        if dry_run:
            return NOTHING
        released = self.release(old, held - all_ports(spec)) if old is not None else NOTHING
        return claims.together + released

    def release(self, old: Object, ports: set[int]) -> Together:
        """Give back ports of a service."""
        together = NOTHING
        metadata = old["metadata"]
        for port in sorted(ports):
            record = self.record(port)
            if record is not None and record[1:3] == (metadata["namespace"], metadata["name"]):
                together += record_gone(KEYS.key("", str(port)), record.revision)
        return together


def all_ports(spec: Object) -> set[int]:
    """Every port of the nodes that a service has."""
    if not on_nodes(spec):
        return set()
    found = {port["nodePort"] for port in items(spec, "ports") if port.get("nodePort")}
    if needs_health_check(spec) and spec.get("healthCheckNodePort"):
        found.add(spec["healthCheckNodePort"])
    return found


class _RefusedError(Exception):
    """A port cannot be had; the text is upstream's."""


class _Claims:
    """The ports that one write of a service takes."""

    def __init__(
        self,
        allocator: PortAllocator,
        records: Records,
        ports: PortRange,
        service: Object,
        *,
        dry_run: bool,
    ) -> None:
        self._allocator = allocator
        self._records = records
        self._range = ports
        self._service = service
        self._dry_run = dry_run
        self._taken: set[int] = set()
        self.together = NOTHING

    async def assign_new(self, spec: Object) -> None:
        """Ports of the same number (DNS over UDP and TCP) share a node port."""
        shared: dict[int, int] = {}
        ports = items(spec, "ports")
        for position, port in enumerate(ports):
            number, asked = port.get("port", 0), port.get("nodePort") or 0
            if not asked and not _wants_ports(spec):
                continue
            known = shared.get(number, 0)
            if not known:
                asked = next((p["nodePort"] for p in ports if _same(p, number)), 0)
                if asked:
                    await self._take_asked(asked, position)
                port["nodePort"] = shared[number] = asked or await self._take_any_port()
            elif not asked:
                port["nodePort"] = known
            elif asked != known:
                await self._take_asked(asked, position)

    async def assign_changed(self, spec: Object, held: set[int]) -> None:
        seen: set[tuple[object, int]] = set()
        for position, port in enumerate(items(spec, "ports")):
            asked = port.get("nodePort") or 0
            if not asked and not _wants_ports(spec):
                continue
            if not asked:
                port["nodePort"] = asked = await self._take_any_port()
            elif asked not in held and asked not in self._taken:
                await self._take_asked(asked, position)
            pair = (port.get("protocol"), asked)
            if pair in seen:
                raise UnclassifiedError(f"duplicate nodePort: {{{pair[0]} {asked}}}")
            seen.add(pair)

    async def assign_health_check(self, spec: Object, held: set[int]) -> None:
        asked = spec.get("healthCheckNodePort") or 0
        try:
            if not asked:
                spec["healthCheckNodePort"] = await self._take_any()
            elif asked not in held:
                await self._take(asked)
        except _RefusedError as error:
            which = "requested HealthCheck" if asked else "a HealthCheck"
            raise internal(f"failed to allocate {which} NodePort {asked}: {error}") from None

    async def _take_asked(self, port: int, position: int) -> None:
        try:
            await self._take(port)
        except _RefusedError as error:
            cause: Cause = invalid(f"spec.ports[{position}].nodePort", port, str(error))
            raise refused(self._service, [cause]) from None

    async def _take(self, port: int) -> None:
        if not self._range.holds(port) and not self._dry_run:
            raise _RefusedError(
                "provided port is not in the valid range. "
                f"The range of valid ports is {self._range}"
            )
        if port in self._taken:
            raise _RefusedError(_TAKEN)
        if self._allocator.record(port) is not None:
            await self._records.storage.barrier()
            if self._allocator.record(port) is not None:
                raise _RefusedError(_TAKEN)
        self._claim(port)

    async def _take_any(self) -> int:
        if self._dry_run:
            port = max(self._taken) + 1 if self._taken else _EXAMPLE
            self._taken.add(port)
            return port
        port = self._free()
        if not port:
            await self._records.storage.barrier()
            port = self._free()
        if not port:
            raise _RefusedError(_FULL)
        self._claim(port)
        return port

    async def _take_any_port(self) -> int:
        try:
            return await self._take_any()
        except _RefusedError as error:
            raise internal(f"failed to allocate a nodePort: {error}") from None

    def _free(self) -> int:
        for port in self._range.candidates():
            if port not in self._taken and self._allocator.record(port) is None:
                return port
        return 0

    def _claim(self, port: int) -> None:
        self._taken.add(port)
        self.together += new_port(port, self._service)


def _same(port: Object, number: int) -> bool:
    return bool(port.get("port") == number and port.get("nodePort"))


def _wants_ports(spec: Object) -> bool:
    """A load balancer may reach its pods without going through the nodes' ports."""
    return spec.get("type") != LOAD_BALANCER or bool(
        spec.get("allocateLoadBalancerNodePorts", True)
    )
