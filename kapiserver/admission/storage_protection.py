"""StorageObjectInUseProtection: new volumes and claims get a finalizer, so that they outlive those
who use them. Somebody has to take it away again: kube-controller-manager does. Without one nothing
that has the finalizer ever goes, so the plugin waits to be asked for."""

from __future__ import annotations

from kapiserver.admission.chain import CREATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, object_of

FINALIZERS = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
    "volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection:
    def __init__(self, known: Known) -> None:
        pass

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.MUTATE, (CREATE,), tuple(FINALIZERS), _protect),)


async def _protect(attributes: Attributes) -> None:
    metadata = object_of(attributes)["metadata"]
    finalizer = FINALIZERS[attributes.definition.resource]
    given = metadata.get("finalizers") or []
    if finalizer not in given:
        metadata["finalizers"] = [*given, finalizer]
