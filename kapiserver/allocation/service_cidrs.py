"""ServiceCIDR objects: the one of the cluster is made from the settings, all are kept and guarded.

In: the ranges of --service-cluster-ip-range, and what people do to ServiceCIDR objects. Out: each
has a finalizer and says that it is ready; one that is being deleted goes when no address needs it
any more, and says until then why it stays. No address is taken from a range once it is marked as
going, because taking one is guarded by the revision of its ServiceCIDR.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from typing import Any

import trio

from kapiserver.allocation.addresses import usable_ranges
from kapiserver.allocation.ranges import Network, parse_address
from kapiserver.allocation.records import MANAGED_LABEL, Records
from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.api.metadata import timestamp
from kapiserver.api.options import WriteOptions
from kapiserver.api.write import AbsentError, Build, Update
from kapiserver.controllers.bootstrap import RETRY_SECONDS, SYSTEM
from kapiserver.controllers.changes import Changes
from kapiserver.errors import AlreadyExists, ApiError
from kapiserver.resources.definition import Object
from kapiserver.storage import StoredObject
from kapiserver.storage.object import Selection

log = logging.getLogger(__name__)

DEFAULT = "kubernetes"
FINALIZER = "networking.k8s.io/service-cidr-finalizer"

_READY = "Kubernetes Service CIDR is ready"
_READY_DEFAULT = "Kubernetes default Service CIDR is ready"
_BLOCKED = (
    "There are still IPAddresses referencing the ServiceCIDR, "
    "please remove them or create a new ServiceCIDR"
)
_LOOK_AGAIN_SECONDS = 1.0


async def ensure_default(services: Services, networks: Sequence[Network]) -> None:
    """Returns when the cluster has its ServiceCIDR, and it says that it is ready; keeps trying
    while the cluster has no leader."""
    objects = Records(services.scopes).ranges
    controller = ServiceCIDRController(services)
    while True:
        stored = objects.get_now("", DEFAULT)
        try:
            if stored is None:
                await _create_default(services, networks)
            else:
                await controller.grow(stored, [str(network) for network in networks])
                await controller.sync(DEFAULT)
                return
        except AlreadyExists:
            await services.scopes.storage.barrier()
        except ApiError as error:
            log.info("service CIDR %s cannot be made yet: %s", DEFAULT, error.message)
            await trio.sleep(RETRY_SECONDS)


async def _create_default(services: Services, networks: Sequence[Network]) -> None:
    scope = Records(services.scopes).range_scope
    obj = {
        "kind": scope.kind,
        "apiVersion": scope.api_version,
        "metadata": {"name": DEFAULT, "finalizers": [FINALIZER]},
        "spec": {"cidrs": [str(network) for network in networks]},
    }
    call = internal_call(services, scope, SYSTEM, "create", "", DEFAULT)
    await create_object(call, obj, WriteOptions())


class ServiceCIDRController:
    """`run` on the leader, until cancelled."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._records = Records(services.scopes)

    async def run(self) -> None:
        changes = Changes(self._records.ranges)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(changes.run)
            async for keys in changes:
                for key in keys:
                    try:
                        done = await self.sync(key[1])
                    except ApiError as error:
                        log.warning("service CIDR %s: %s", key[1], error.message)
                        done = False
                    if not done:
                        nursery.start_soon(_later, changes, key)

    async def sync(self, name: str) -> bool:
        """Bring one to where it should be. False: look again. Raises ApiError."""
        stored = self._records.ranges.get_now("", name)
        if stored is None:
            return True
        obj = stored.decoded()
        if "deletionTimestamp" not in obj["metadata"]:
            if FINALIZER not in (obj["metadata"].get("finalizers") or ()):
                await self._write(name, _with_finalizer)
            message = _READY_DEFAULT if name == DEFAULT else _READY
            await self._tell(name, obj, "True", "", message)
            return True
        await self._records.storage.barrier()
        if self._is_needed(stored):
            await self._tell(name, obj, "False", "Terminating", _BLOCKED)
            return False
        await self._write(name, _without_finalizer)
        return True

    async def grow(self, stored: StoredObject, cidrs: list[str]) -> None:
        """The cluster's own range gets a second family when the settings do. Raises ApiError."""
        known = stored.decoded()["spec"]["cidrs"]
        if len(known) != 1 or len(cidrs) != 2 or known[0] != cidrs[0]:
            return

        def build(cidr: Object) -> Object:
            cidr["spec"]["cidrs"] = cidrs
            return cidr

        log.info("service CIDR %s becomes dual-stack: %s", stored.name, ", ".join(cidrs))
        await self._write(stored.name, build)

    def _is_needed(self, stored: StoredObject) -> bool:
        """Whether an address lies in its ranges and in no other usable one."""
        own = [
            ipaddress.ip_network(cidr, strict=False) for cidr in stored.decoded()["spec"]["cidrs"]
        ]
        others = [
            range_.network
            for other in self._records.ranges.select(Selection())
            for range_ in usable_ranges(other)
        ]
        for record in self._records.addresses.select(Selection()):
            address = parse_address(record.name)
            if address is None or MANAGED_LABEL not in record.labels:
                continue
            if any(address in network for network in own) and not any(
                address in network for network in others
            ):
                return True
        return False

    async def _tell(self, name: str, obj: Object, status: str, reason: str, message: str) -> None:
        known = obj.get("status", {}).get("conditions") or ()
        if any(c["type"] == "Ready" and c["status"] == status for c in known):
            return
        condition: dict[str, Any] = {
            "type": "Ready",
            "status": status,
            "lastTransitionTime": timestamp(),
            "reason": reason,
            "message": message,
        }

        def note(cidr: Object) -> Object:
            conditions = cidr.setdefault("status", {}).get("conditions") or []
            rest = [c for c in conditions if c["type"] != "Ready"]
            cidr["status"]["conditions"] = [*rest, condition]
            return cidr

        await self._write(name, note, "status")

    async def _write(self, name: str, build: Build, subresource: str = "") -> None:
        scope = self._records.range_scope
        call = internal_call(self._services, scope, SYSTEM, "update", "", name, subresource)
        try:
            await Update(call, name, WriteOptions(), build).run()
        except AbsentError:
            return


async def _later(changes: Changes, key: tuple[str, str]) -> None:
    await trio.sleep(_LOOK_AGAIN_SECONDS)
    changes.add(key)


def _with_finalizer(cidr: Object) -> Object:
    finalizers = cidr["metadata"].get("finalizers") or []
    if FINALIZER not in finalizers and "deletionTimestamp" not in cidr["metadata"]:
        cidr["metadata"]["finalizers"] = [*finalizers, FINALIZER]
    return cidr


def _without_finalizer(cidr: Object) -> Object:
    finalizers = cidr["metadata"].get("finalizers") or []
    cidr["metadata"]["finalizers"] = [f for f in finalizers if f != FINALIZER]
    return cidr
