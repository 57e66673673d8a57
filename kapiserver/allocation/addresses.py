"""Cluster addresses: taken by creating an IPAddress object, given back by deleting it.

In: the ServiceCIDR objects and the IPAddress objects that this node knows. Out: `Together`s for the
transaction that writes the service. Nothing is written here, and nothing depends on this node being
up to date: a record is only ever created where there is none, and the range that an address is
taken from has to be unchanged. What this node knows is enough to say yes; a no is asked twice.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import trio

from kapiserver.allocation.ranges import Address, AddressRange, family_of, parse_address
from kapiserver.allocation.records import (
    Records,
    decoded,
    internal,
    new_address,
    refers_to,
    refused,
)
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.service_kinds import HEADLESS
from kapiserver.storage import StoredObject
from kapiserver.storage.object import Selection
from kapiserver.storage.together import NOTHING, Together, absent, gone, new_object, unchanged

_FULL = "failed to allocate a serviceIP: range is full"
_TAKEN = "provided IP is already allocated"
_OUTSIDE = "the provided network does not match the current range"
_NOT_IN_RANGE = (
    "the provided IP ({}) is not in the valid range. The range of valid IPs is {}".format
)

# A full range is looked through in steps, so that other requests get their turn.
_STEP = 512


class _Pool(NamedTuple):
    """A range and the ServiceCIDR that it comes from."""

    range: AddressRange
    source: StoredObject


class AddressAllocator:
    """One per node."""

    def __init__(self, records: Records) -> None:
        self._records = records
        # ranges by revision of the ServiceCIDR, which holds few of them
        self._parsed: dict[tuple[str, int], tuple[AddressRange, ...]] = {}

    async def take(
        self, service: Object, wanted: Mapping[str, str], *, dry_run: bool
    ) -> tuple[dict[str, str], Together]:
        """One address per family; "" is any. Raises Invalid, and InternalError when all are taken.

        A dry run gets the address that upstream shows then, a range's own.
        """
        given: dict[str, str] = {}
        together = NOTHING
        for family, address in wanted.items():
            if address:
                given[family] = address
                together += await self._claim(service, family, address, dry_run=dry_run)
            elif dry_run:
                given[family] = self._example(family)
            else:
                given[family], claim = await self._next(service, family)
                together += claim
        return given, together

    def release(self, old: Object, addresses: list[str]) -> Together:
        """Give back what belongs to a service; what somebody else made of it stays."""
        store, together = self._records.addresses, NOTHING
        for text in addresses:
            address = parse_address(text)
            if text == HEADLESS or address is None:
                continue
            record = store.get_now("", str(address))
            if record is None:
                together += absent(store, "", str(address))
            elif refers_to(record.decoded(), old["metadata"]):
                together += gone(record)
        return together

    async def _claim(self, service: Object, family: str, text: str, *, dry_run: bool) -> Together:
        address = parse_address(text)
        assert address is not None, "the addresses of a service are checked first"
        problem, pool = self._look(address)
        if problem and not dry_run:
            await self._records.storage.barrier()
            problem, pool = self._look(address)
        if pool is None and dry_run and (some := next(self._pools(family), None)):
            problem = _NOT_IN_RANGE(address, some.range.network)
        if pool is None or (problem and not dry_run):
            why = f"failed to allocate IP {text}: {problem}"
            raise refused(service, [invalid("spec.clusterIPs", service["spec"]["clusterIPs"], why)])
        if dry_run:
            return NOTHING
        return self._record(service, family, str(address), pool)

    def _look(self, address: Address) -> tuple[str, _Pool | None]:
        pool = next((p for p in self._pools(family_of(address)) if p.range.holds(address)), None)
        if pool is None:
            return _OUTSIDE, None
        taken = self._records.addresses.get_now("", str(address)) is not None
        return (_TAKEN if taken else ""), pool

    async def _next(self, service: Object, family: str) -> tuple[str, Together]:
        found = await self._find_free(family)
        if found is None:
            await self._records.storage.barrier()
            found = await self._find_free(family)
        if found is None:
            raise internal(_FULL)
        address, pool = found
        return address, self._record(service, family, address, pool)

    async def _find_free(self, family: str) -> tuple[str, _Pool] | None:
        store = self._records.addresses
        for pool in self._pools(family):
            for step, address in enumerate(pool.range.candidates(), 1):
                if store.get_now("", address) is None:
                    return address, pool
                if step % _STEP == 0:
                    await trio.lowlevel.checkpoint()
        return None

    def _record(self, service: Object, family: str, address: str, pool: _Pool) -> Together:
        obj = new_address(address, family, service["metadata"])
        return unchanged(pool.source) + new_object(self._records.addresses, "", address, obj)

    def _example(self, family: str) -> str:
        pool = next(self._pools(family), None)
        if pool is None:
            raise internal(_FULL)
        return str(pool.range.network.network_address)

    def _pools(self, family: str) -> Iterator[_Pool]:
        """The ranges that addresses may be taken from now."""
        parsed, self._parsed = self._parsed, {}
        sources = sorted(self._records.ranges.select(Selection()), key=lambda s: s.create_revision)
        for source in sources:
            key = (source.name, source.revision)
            ranges = parsed.get(key)
            self._parsed[key] = usable_ranges(source) if ranges is None else ranges
        pools = [
            _Pool(range_, source)
            for source in sources
            for range_ in self._parsed[source.name, source.revision]
            if range_.family == family
        ]
        return iter(pools)


def usable_ranges(source: StoredObject) -> tuple[AddressRange, ...]:
    """The ranges of a ServiceCIDR; none of one that is going away or said to be not ready."""
    obj = decoded(source) or {}
    if "deletionTimestamp" in obj["metadata"]:
        return ()
    for condition in obj.get("status", {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") != "True":
            return ()
    return all_ranges(source)


def all_ranges(source: StoredObject) -> tuple[AddressRange, ...]:
    """The ranges of a ServiceCIDR, whether addresses may be taken from them or not."""
    found = []
    for text in (decoded(source) or {}).get("spec", {}).get("cidrs") or ():
        try:
            found.append(AddressRange.of(ipaddress.ip_network(text)))
        except ValueError:
            continue  # such an object tells so itself: it is not ready
    return tuple(found)
