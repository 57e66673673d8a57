"""PersistentVolumeClaimResize: only bound claims can ask for more than before, and only where the
storage class allows it."""

from __future__ import annotations

from kapiserver.admission.chain import UPDATE, Attributes, Phase, Rule
from kapiserver.admission.default_classes import OLD_STORAGE_CLASS, annotations_of
from kapiserver.admission.plugin import Known, forbidden, object_of, old_of
from kapiserver.resources.definition import Object
from kapiserver.resources.validation.quantities import amount


class PersistentVolumeClaimResize:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.VALIDATE, (UPDATE,), ("persistentvolumeclaims",), self._check),)

    async def _check(self, attributes: Attributes) -> None:
        claim, old = object_of(attributes), old_of(attributes)
        if amount(_size(claim)) <= amount(_size(old)):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise forbidden(attributes, "Only bound persistent volume claims can be expanded")
        if not await self._allowed(_class_of(claim), _class_of(old)):
            raise forbidden(
                attributes,
                "only dynamically provisioned pvc can be resized and the storageclass that "
                "provisions the pvc must support resize",
            )

    async def _allowed(self, name: str, old: str) -> bool:
        if not name or name != old:
            return False
        found = await self._known.find("storage.k8s.io", "storageclasses", name)
        return found is not None and found.decoded().get("allowVolumeExpansion") is True


def _size(claim: Object) -> str:
    resources = (claim.get("spec") or {}).get("resources") or {}
    return str((resources.get("requests") or {}).get("storage", "0"))


def _class_of(claim: Object) -> str:
    old_form = annotations_of(claim).get(OLD_STORAGE_CLASS)
    return str(old_form or (claim.get("spec") or {}).get("storageClassName") or "")
