"""Every namespace has a config map `kube-root-ca.crt`: with it, pods know the API server.

In: namespaces, and the certificates that the server's own can be verified with. Out: the config map
in each namespace that is not going away; one that is changed or deleted is put right again.
"""

from __future__ import annotations

from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.api.write import AbsentError, Update
from kapiserver.controllers.identity import WRITING, controller
from kapiserver.controllers.per_namespace import PerNamespace
from kapiserver.resources.definition import Object

NAME = "kube-root-ca.crt"
KEY = "ca.crt"
ANNOTATION = "kubernetes.io/description"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters."
)
USER = controller("root-ca-cert-publisher")


class RootCertificatePublisher(PerNamespace):
    """`run` until cancelled. `certificates` is PEM."""

    def __init__(self, services: Services, certificates: str) -> None:
        self._services = services
        self._maps = services.scopes.stored("", "configmaps")
        self._data = {KEY: certificates}
        super().__init__(services, self._maps, NAME, self._publish)

    async def _publish(self, namespace: str) -> None:
        stored = self._maps.objects.get_now(namespace, NAME)
        if stored is None:
            call = internal_call(self._services, self._maps, USER, "create", namespace, NAME)
            content: Object = {"kind": self._maps.kind, "apiVersion": "v1", "metadata": {}}
            content["metadata"]["name"] = NAME
            await create_object(call, self._filled(content), WRITING)
        elif not self._is_right(stored.decoded()):
            call = internal_call(self._services, self._maps, USER, "update", namespace, NAME)
            try:
                await Update(call, NAME, WRITING, self._filled).run()
            except AbsentError:
                return  # its deletion is looked at as well

    def _is_right(self, found: Object) -> bool:
        annotations = found["metadata"].get("annotations") or {}
        return found.get("data") == self._data and bool(annotations.get(ANNOTATION))

    def _filled(self, content: Object) -> Object:
        annotations = content["metadata"].get("annotations") or {}
        content["metadata"]["annotations"] = {**annotations, ANNOTATION: DESCRIPTION}
        content["data"] = dict(self._data)
        return content
