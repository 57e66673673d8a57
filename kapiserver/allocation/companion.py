"""The companion of services: each write of one takes and gives back what it needs, at once.

In: a service on its way into the store. Out: the service with its families, addresses and ports
filled in, and the records that go with it. How a service may change is upstream's.
"""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.allocation.addresses import AddressAllocator
from kapiserver.allocation.families import (
    addresses_of,
    families_of,
    keeps_dual_stack,
    settle_families,
)
from kapiserver.allocation.ports import PortAllocator, all_ports
from kapiserver.allocation.ranges import Network, PortRange, family_of
from kapiserver.allocation.records import Records
from kapiserver.api.scope import Scopes
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.service_kinds import EXTERNAL_NAME, HEADLESS
from kapiserver.storage.together import NOTHING, Together


class ServiceAllocation:
    """`networks`: the cluster's ranges, one per IP family; the first family is the default."""

    def __init__(self, scopes: Scopes, networks: Sequence[Network], ports: PortRange) -> None:
        self.records = Records(scopes)
        self.networks = tuple(networks)
        self.ports = PortAllocator(self.records, ports)
        self._addresses = AddressAllocator(self.records)
        self._families = [family_of(network) for network in networks]

    async def create(self, obj: Object, write: WriteContext) -> Together:
        settle_families(obj, None, self._families)
        taken = await self._take(obj, families_of(obj["spec"]), dry_run=write.dry_run)
        return taken + await self.ports.assign(obj, None, dry_run=write.dry_run)

    async def update(self, obj: Object, write: WriteContext) -> Together:
        old = write.old
        assert old is not None
        kept = keeps_dual_stack(obj["spec"], old.get("spec") or {})
        settle_families(obj, old, self._families)
        together = NOTHING if kept else await self._change(obj, old, dry_run=write.dry_run)
        return together + await self.ports.assign(obj, old, dry_run=write.dry_run)

    def delete(self, old: Object) -> Together:
        spec = old.get("spec") or {}
        released = self._addresses.release(old, addresses_of(spec))
        return released + self.ports.release(old, all_ports(spec))

    async def _take(self, service: Object, families: Sequence[str], *, dry_run: bool) -> Together:
        """Addresses for `families`, which are the last ones of the service's."""
        spec = service["spec"]
        addresses = addresses_of(spec)
        if spec.get("type") == EXTERNAL_NAME or addresses[:1] == [HEADLESS]:
            return NOTHING
        every = families_of(spec)
        addresses += [""] * (len(every) - len(addresses))
        wanted = {
            family: address
            for family, address in zip(every, addresses, strict=False)
            if family in families
        }
        given, together = await self._addresses.take(service, wanted, dry_run=dry_run)
        spec["clusterIPs"] = [
            given.get(family, address) for family, address in zip(every, addresses, strict=False)
        ]
        spec["clusterIP"] = spec["clusterIPs"][0]
        return together

    async def _change(self, service: Object, old: Object, *, dry_run: bool) -> Together:
        spec, before = service["spec"], old.get("spec") or {}
        was, now = families_of(before), families_of(spec)
        addresses = addresses_of(before)
        if before.get("type") == EXTERNAL_NAME:
            return await self._take(service, now, dry_run=dry_run)
        if addresses[:1] == [HEADLESS]:
            return NOTHING
        if spec.get("type") == EXTERNAL_NAME:
            return NOTHING if dry_run else self._addresses.release(old, addresses)
        if not addresses:  # stored before there was anything to take
            return await self._take(service, now, dry_run=dry_run)
        if len(was) == 1 and len(now) == 2:
            return await self._take(service, now[1:], dry_run=dry_run)
        if len(was) == 2 and len(now) == 1:
            return NOTHING if dry_run else self._addresses.release(old, addresses[1:])
        return NOTHING
