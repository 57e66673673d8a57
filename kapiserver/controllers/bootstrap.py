"""The objects that a cluster has from its first start on. Every node runs it, none repeats it.

In: the services. Out: the namespaces exist when `ensure_namespaces` returns; another node may have
been faster, which is just as well.
"""

from __future__ import annotations

import logging

import trio

from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.api.options import WriteOptions
from kapiserver.errors import AlreadyExists, ServiceUnavailable, Timeout, TooManyRequests
from kapiserver.request import UserInfo

log = logging.getLogger(__name__)

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
SYSTEM = UserInfo("system:apiserver", groups=("system:masters",))
RETRY_SECONDS = 0.5


async def ensure_namespaces(services: Services) -> None:
    """Returns when all are there; keeps trying while the cluster has no leader."""
    scope = services.scopes.stored("", "namespaces")
    for name in NAMESPACES:
        while scope.objects.get_now("", name) is None:
            call = internal_call(services, scope, SYSTEM, "create", "", name)
            namespace = {"kind": scope.kind, "apiVersion": "v1", "metadata": {"name": name}}
            try:
                await create_object(call, namespace, WriteOptions())
            except AlreadyExists:
                break
            except (Timeout, ServiceUnavailable, TooManyRequests) as error:
                log.info("cannot create namespace %s yet: %s", name, error.message)
                await trio.sleep(RETRY_SECONDS)
