"""Records and services brought back together, should people have pulled them apart.

The server writes a service and its records in one transaction, so there is nothing to repair after
a crash. But IPAddress objects can be written by anybody who may, services may have been restored
without them, and clusters have objects from before there were records. In: what this node knows.
Out: an IPAddress for each address of a service, a key for each node port, and none that no service
has. Each repair is a transaction guarded by what it was decided on, so it is safe on two nodes at
once, and the next round sees what this one missed. Runs on the leader.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import trio

from kapiserver.allocation.addresses import all_ranges
from kapiserver.allocation.families import addresses_of
from kapiserver.allocation.ports import KEYS, all_ports, new_port, read_port
from kapiserver.allocation.ranges import AddressRange, family_of, parse_address
from kapiserver.allocation.records import (
    Records,
    is_labelled,
    is_managed,
    new_address,
    refers_to,
)
from kapiserver.errors import ApiError
from kapiserver.resources.definition import Object
from kapiserver.storage import StoredObject
from kapiserver.storage.errors import as_status
from kapiserver.storage.object import Selection
from kapiserver.storage.together import (
    Together,
    absent,
    gone,
    new_object,
    record_gone,
    unchanged,
)
from raftstore.types import prefix_end

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0

# How many objects are looked at before other tasks get their turn.
_STEP = 200


class Repair:
    """`run` on the leader, until cancelled."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def run(self) -> None:
        while True:
            try:
                await self.sweep()
            except ApiError as error:
                log.warning("addresses of services cannot be looked after now: %s", error.message)
            await trio.sleep(INTERVAL_SECONDS)

    async def sweep(self) -> None:
        """One round. Raises ApiError when the store cannot write."""
        await self._records.storage.barrier()
        await self._check_services()
        await self._check_addresses()
        await self._check_ports()

    # -- services without records ---------------------------------------------------------------

    async def _check_services(self) -> None:
        ranges = [r for s in self._records.ranges.select(Selection()) for r in all_ranges(s)]
        for step, stored in enumerate(self._records.services.select(Selection()), 1):
            service = stored.decoded()
            for text in addresses_of(service.get("spec") or {}):
                await self._check_address_of(stored, service, text, ranges)
            for port in all_ports(service.get("spec") or {}):
                key = KEYS.key("", str(port))
                if self._records.storage.backend.get(key) is None:
                    log.warning("node port %d of service %s was free", port, _name(service))
                    await self._do(unchanged(stored) + new_port(port, service))
            if step % _STEP == 0:
                await trio.lowlevel.checkpoint()

    async def _check_address_of(
        self, stored: StoredObject, service: Object, text: str, ranges: Sequence[AddressRange]
    ) -> None:
        address = parse_address(text)
        if address is None:  # None, or nothing yet
            return
        name, addresses = str(address), self._records.addresses
        if not any(range_.holds(address) for range_ in ranges):
            log.error("address %s of service %s is in no range: recreate it", name, _name(service))
            return
        obj = new_address(name, family_of(address), service["metadata"])
        record = addresses.get_now("", name)
        if record is not None:
            found = record.decoded()
            if not refers_to(found, service["metadata"]):
                other = self._owner(found)
                if other is not None and name in _canonical(other.decoded()):
                    log.error(
                        "address %s belongs to service %s/%s and to %s: recreate the latter",
                        name, other.namespace, other.name, _name(service),
                    )  # fmt: skip
                    return
            elif is_labelled(found, obj):
                return
            log.warning("the record of address %s of service %s was wrong", name, _name(service))
            await self._do(unchanged(stored) + gone(record))
        else:
            log.warning("address %s of service %s was free", name, _name(service))
        await self._do(unchanged(stored) + new_object(addresses, "", name, obj))

    # -- records without services ---------------------------------------------------------------

    async def _check_addresses(self) -> None:
        for step, record in enumerate(self._records.addresses.select(Selection()), 1):
            obj = record.decoded()
            if not is_managed(obj):
                continue
            owner = self._owner(obj)
            if owner is None:
                log.warning("address %s belongs to no service", record.name)
                await self._do(self._no_owner(obj) + gone(record))
            elif record.name not in _canonical(owner.decoded()):
                log.warning("address %s is not one of its service's", record.name)
                await self._do(unchanged(owner) + gone(record))
            if step % _STEP == 0:
                await trio.lowlevel.checkpoint()

    async def _check_ports(self) -> None:
        backend = self._records.storage.backend
        for kv in backend.range_local(KEYS.prefix, prefix_end(KEYS.prefix)).kvs:
            record = read_port(kv)
            services = self._records.services
            stored = services.get_now(record.namespace, record.name)
            if stored is None:
                guard = absent(services, record.namespace, record.name)
            elif record.port not in all_ports(stored.decoded().get("spec") or {}):
                guard = unchanged(stored)
            else:
                continue
            log.warning("node port %d belongs to no service", record.port)
            await self._do(guard + record_gone(kv.key, kv.mod_revision))

    # -- helpers --------------------------------------------------------------------------------

    def _owner(self, address: Object) -> StoredObject | None:
        parent = _parent(address)
        if parent is None:
            return None
        return self._records.services.get_now(*parent)

    def _no_owner(self, address: Object) -> Together:
        parent = _parent(address)
        return Together() if parent is None else absent(self._records.services, *parent)

    async def _do(self, together: Together) -> None:
        """When a guard does not hold, there may be nothing to repair: the next round will tell."""
        with as_status():
            await self._records.storage.backend.txn(together.compare, together.ops)


def _parent(address: Object) -> tuple[str, str] | None:
    """(namespace, name) of the service that an IPAddress refers to; None: of something else."""
    parent = address.get("spec", {}).get("parentRef") or {}
    if parent.get("group") or parent.get("resource") != "services":
        return None
    namespace, name = parent.get("namespace"), parent.get("name")
    return (namespace, name) if namespace and name else None


def _canonical(service: Object) -> Iterable[str]:
    return {str(parse_address(text)) for text in addresses_of(service.get("spec") or {})}


def _name(service: Object) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"
