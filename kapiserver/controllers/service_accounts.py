"""Every namespace has a service account `default`, for pods that name no other.

In: namespaces. Out: a `default` account in each that is not going away; one that is deleted comes
back, with another uid. Runs on the leader. `ensure` makes those of the first namespaces
before a node is ready, so that the first requests find them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import trio

from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.api.options import WriteOptions
from kapiserver.controllers.changes import Changes
from kapiserver.errors import ApiError
from kapiserver.request import UserInfo

log = logging.getLogger(__name__)

NAME = "default"
USER = UserInfo(
    "system:serviceaccount:kube-system:service-account-controller",
    groups=(
        "system:serviceaccounts",
        "system:serviceaccounts:kube-system",
        "system:authenticated",
    ),
)
RETRY_SECONDS = 1.0


class ServiceAccountController:
    """`run` until cancelled."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._namespaces = services.scopes.stored("", "namespaces").objects
        self._accounts = services.scopes.stored("", "serviceaccounts")

    async def ensure(self, namespaces: Iterable[str]) -> None:
        """Returns when each of these has its account, or a write failed (`run` tries again)."""
        for namespace in namespaces:
            if not await self._look_after(namespace):
                return

    async def run(self) -> None:
        namespaces, accounts = Changes(self._namespaces), Changes(self._accounts.objects)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(namespaces.run)
            nursery.start_soon(accounts.run)
            nursery.start_soon(self._follow_accounts, accounts, namespaces)
            async for keys in namespaces:
                for key in keys:
                    if not await self._look_after(key[1]):
                        nursery.start_soon(_again, namespaces, key)

    async def _follow_accounts(self, accounts: Changes, namespaces: Changes) -> None:
        async for keys in accounts:
            for namespace, name in keys:
                if name == NAME and self._accounts.objects.get_now(namespace, name) is None:
                    namespaces.add(("", namespace))

    async def _look_after(self, name: str) -> bool:
        """False: to be tried again."""
        namespace = self._namespaces.get_now("", name)
        if namespace is None or b'"deletionTimestamp"' in namespace.value:
            return True
        if self._accounts.objects.get_now(name, NAME) is not None:
            return True
        call = internal_call(self._services, self._accounts, USER, "create", name, NAME)
        account = {"kind": self._accounts.kind, "apiVersion": "v1", "metadata": {"name": NAME}}
        try:
            await create_object(call, account, WriteOptions())
        except ApiError as error:
            # there already, or the namespace is going away: both are as they should be
            if error.code in (403, 404, 409):
                return True
            log.warning("namespace %s has no account %s yet: %s", name, NAME, error.message)
            return False
        return True


async def _again(namespaces: Changes, key: tuple[str, str]) -> None:
    await trio.sleep(RETRY_SECONDS)
    namespaces.add(key)
