"""The objects that a cluster has from its first start on. Every node runs it, none repeats it.

In: the services. Out: the namespaces and the priority classes of the system exist when
`ensure_objects` returns; another node may have been faster, which is just as well.
"""

from __future__ import annotations

import logging
from typing import Any

import trio

from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.api.options import WriteOptions
from kapiserver.errors import AlreadyExists, ServiceUnavailable, Timeout, TooManyRequests
from kapiserver.request import UserInfo

log = logging.getLogger(__name__)

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
# Name, value and description are upstream's; no user may take names that begin like these.
PRIORITY_CLASSES = (
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another "
        "node if necessary.",
    ),
)
SYSTEM = UserInfo("system:apiserver", groups=("system:masters",))
RETRY_SECONDS = 0.5


async def ensure_objects(services: Services) -> None:
    """Returns when all are there; keeps trying while the cluster has no leader."""
    for name in NAMESPACES:
        await _ensure(services, "", "namespaces", name, {})
    for name, value, description in PRIORITY_CLASSES:
        content = {"value": value, "description": description}
        await _ensure(services, "scheduling.k8s.io", "priorityclasses", name, content)


async def _ensure(
    services: Services, group: str, plural: str, name: str, content: dict[str, Any]
) -> None:
    scope = services.scopes.stored(group, plural)
    while scope.objects.get_now("", name) is None:
        call = internal_call(services, scope, SYSTEM, "create", "", name)
        obj = {
            "kind": scope.kind,
            "apiVersion": scope.api_version,
            "metadata": {"name": name},
            **content,
        }
        try:
            await create_object(call, obj, WriteOptions())
        except AlreadyExists:
            return
        except (Timeout, ServiceUnavailable, TooManyRequests) as error:
            log.info("cannot create %s %s yet: %s", scope.kind, name, error.message)
            await trio.sleep(RETRY_SECONDS)
