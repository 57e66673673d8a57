"""Claims that are made from a template: of ephemeral volumes and of stateful sets."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, required, unsupported
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.labels import check_annotations, check_labels, check_selector
from kapiserver.resources.validation.quantities import check_amount

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_TEMPLATE_METADATA = ("labels", "annotations", "creationTimestamp")


def check_claim_template(found: Found, template: Object, path: str) -> None:
    metadata = template.get("metadata") or {}
    check_annotations(found, metadata.get("annotations"), f"{path}.metadata.annotations")
    check_labels(found, metadata.get("labels"), f"{path}.metadata.labels")
    for field in metadata:
        if field not in _TEMPLATE_METADATA:
            found.append(forbidden(f"{path}.metadata.{field}", "cannot be set"))
    check_claim_spec(found, template.get("spec") or {}, f"{path}.spec")


def check_claim_spec(found: Found, spec: Object, path: str) -> None:
    modes = spec.get("accessModes") or ()
    if not modes:
        found.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    check_selector(found, spec.get("selector"), f"{path}.selector")
    found += [
        unsupported(f"{path}.accessModes", mode, _ACCESS_MODES)
        for mode in modes
        if mode not in _ACCESS_MODES
    ]
    if "ReadWriteOncePod" in modes and set(modes) - {"ReadWriteOncePod"}:
        detail = "may not use ReadWriteOncePod with other access modes"
        found.append(forbidden(f"{path}.accessModes", detail))
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        found.append(required(f"{path}.resources[storage]"))
    else:
        check_amount(found, "storage", storage, f"{path}.resources[storage]")
