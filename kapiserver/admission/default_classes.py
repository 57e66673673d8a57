"""DefaultStorageClass and DefaultIngressClass: who names no class gets the one marked as default.

Of several the newest counts, of equally old ones the first by name.
"""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.admission.chain import CREATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, object_of, spec_of
from kapiserver.resources.definition import Object

_STORAGE_MARKS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_INGRESS_MARKS = ("ingressclass.kubernetes.io/is-default-class",)
OLD_STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class"
_OLD_INGRESS_CLASS = "kubernetes.io/ingress.class"


class DefaultStorageClass:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.MUTATE, (CREATE,), ("persistentvolumeclaims",), self._choose),)

    async def _choose(self, attributes: Attributes) -> None:
        claim = object_of(attributes)
        spec = spec_of(claim)
        if spec.get("storageClassName") is not None or OLD_STORAGE_CLASS in annotations_of(claim):
            return
        name = _default(self._known, "storage.k8s.io", "storageclasses", _STORAGE_MARKS)
        if name:
            spec["storageClassName"] = name


class DefaultIngressClass:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.MUTATE, (CREATE,), ("ingresses.networking.k8s.io",), self._choose),)

    async def _choose(self, attributes: Attributes) -> None:
        ingress = object_of(attributes)
        spec = spec_of(ingress)
        if spec.get("ingressClassName") is not None or _OLD_INGRESS_CLASS in annotations_of(
            ingress
        ):
            return
        name = _default(self._known, "networking.k8s.io", "ingressclasses", _INGRESS_MARKS)
        if name:
            spec["ingressClassName"] = name


def annotations_of(obj: Object) -> Object:
    return obj["metadata"].get("annotations") or {}


def _default(known: Known, group: str, plural: str, marks: Sequence[str]) -> str:
    """The name of the default class; empty if there is none."""
    written = [mark.encode() for mark in marks]
    marked = [
        found.decoded()["metadata"]
        for found in known.now(group, plural)
        if any(mark in found.value for mark in written)
    ]
    defaults = [
        metadata
        for metadata in marked
        if any((metadata.get("annotations") or {}).get(mark) == "true" for mark in marks)
    ]
    if not defaults:
        return ""
    newest = max(metadata["creationTimestamp"] for metadata in defaults)
    return str(min(m["name"] for m in defaults if m["creationTimestamp"] == newest))
