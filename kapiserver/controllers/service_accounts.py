"""Every namespace has a service account `default`, for pods that name no other.

In: namespaces. Out: a `default` account in each that is not going away; one that is deleted comes
back, with another uid.
"""

from __future__ import annotations

from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.controllers.identity import WRITING, controller
from kapiserver.controllers.per_namespace import PerNamespace

NAME = "default"
USER = controller("service-account-controller")


class ServiceAccountController(PerNamespace):
    """`run` until cancelled."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._accounts = services.scopes.stored("", "serviceaccounts")
        super().__init__(services, self._accounts, NAME, self._make)

    async def _make(self, namespace: str) -> None:
        if self._accounts.objects.get_now(namespace, NAME) is not None:
            return
        call = internal_call(self._services, self._accounts, USER, "create", namespace, NAME)
        account = {"kind": self._accounts.kind, "apiVersion": "v1", "metadata": {"name": NAME}}
        await create_object(call, account, WRITING)
