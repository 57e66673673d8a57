"""Objects inside of custom resources: what defaults say of their type and metadata.

In: a value and the structural schema that it is a default of. Findings name places inside of the
value. `whole`: the value is such an object, whatever the schema says. Changes nothing.
"""

from __future__ import annotations

from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required
from kapiserver.resources.names import dns1035_label, dns1123_label, masked_prefix, path_segment
from kapiserver.resources.schema.repair import go_kind
from kapiserver.resources.validation.crd_structural import EMBEDDED
from kapiserver.resources.validation.formats import NON_NEGATIVE, Found
from kapiserver.resources.validation.labels import check_annotations, check_labels, check_qualified

_NO_TEXT = "must be a string"
_TEXTS = ("name", "generateName", "namespace", "selfLink", "resourceVersion")
_NUMBERS = ("generation", "deletionGracePeriodSeconds")
_TIMES = ("creationTimestamp", "deletionTimestamp")
# Go's types of what is inside, and of what holds it.
_MAPS = ("labels", "annotations")
_MAP = "map[string]string"
_LISTS = {
    "finalizers": "[]string",
    "ownerReferences": "[]v1.OwnerReference",
    "managedFields": "[]v1.ManagedFieldsEntry",
}


def undecodable(value: Any, schema: Any, path: str, *, whole: bool = False) -> Cause | None:
    """The first place where metadata is not of the type that all metadata is."""
    for key, item, below, here in _inside(value, schema, path):
        if isinstance(key, str) and (whole or schema.get(EMBEDDED)):
            problem = _NO_TEXT if key in ("apiVersion", "kind") and not _is_text(item) else ""
            if key == "metadata":
                problem = _type_problem(item)
            if problem:
                return invalid(here, item, problem)
        if cause := undecodable(item, below, here):
            return cause
    return None


def meta_findings(value: Any, schema: Any, path: str, *, whole: bool = False) -> Found:
    """What is wrong with types and metadata that could be decoded."""
    found: Found = []
    if not isinstance(schema, dict):
        return found
    if isinstance(value, dict) and (whole or schema.get(EMBEDDED)):
        _check_object(found, value, path)
    for _, item, below, here in _inside(value, schema, path):
        found += meta_findings(item, below, here)
    return found


def _inside(value: Any, schema: Any, path: str) -> list[tuple[str | int, Any, Any, str]]:
    """Key, value, schema and place of what is in a list or a map. The schema may not know it."""
    if not isinstance(schema, dict):
        return []
    if isinstance(value, list):
        items = schema.get("items")
        return [(at, each, items, f"{path}[{at}]") for at, each in enumerate(value)]
    if not isinstance(value, dict):
        return []
    properties, rest = schema.get("properties") or {}, schema.get("additionalProperties")
    return [
        (
            key,
            item,
            properties.get(key, rest),
            f"{path}[{key}]" if rest and key not in properties else _child(path, key),
        )
        for key, item in value.items()
    ]


def _child(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _type_problem(metadata: Any) -> str:
    """In the words of Go's decoder."""
    if not isinstance(metadata, dict):
        return _mismatch(metadata, "value", "v1.ObjectMeta")
    for name, value in metadata.items():
        field = f"struct field ObjectMeta.{name}"
        problem = ""
        if value is None:
            continue
        if name in (*_TEXTS, "uid") and not _is_text(value):
            problem = _mismatch(value, field, "types.UID" if name == "uid" else "string")
        elif name in _TIMES and not _is_text(value):
            problem = _mismatch(value, "value", "string")
        elif name in _NUMBERS and (not isinstance(value, int) or isinstance(value, bool)):
            problem = _mismatch(value, field, "int64")
        elif name in _LISTS and not isinstance(value, list):
            problem = _mismatch(value, field, _LISTS[name])
        elif name in _MAPS and not isinstance(value, dict):
            problem = _mismatch(value, field, _MAP)
        elif name in (*_MAPS, "finalizers"):
            texts = value.values() if name in _MAPS else value
            odd = [text for text in texts if text is not None and not _is_text(text)]
            problem = _mismatch(odd[0], field, "string") if odd else ""
        if problem:
            return problem
    return ""


def _mismatch(value: Any, place: str, go_type: str) -> str:
    return f"json: cannot unmarshal {go_kind(value)} into Go {place} of type {go_type}"


def _check_object(found: Found, value: Object, path: str) -> None:
    version, kind = value.get("apiVersion"), value.get("kind")
    for name, text in (("apiVersion", version), ("kind", kind)):
        if name not in value or text == "":
            found.append(required(_child(path, name)))
        elif not _is_text(text):
            found.append(invalid(_child(path, name), text, _NO_TEXT))
    if isinstance(version, str) and version.count("/") > 1:
        detail = f"unexpected GroupVersion string: {version}"
        found.append(invalid(_child(path, "apiVersion"), version, detail))
    if kind and isinstance(kind, str) and (problems := dns1035_label(kind.lower())):
        detail = "may have mixed case, but should otherwise match: " + ",".join(problems)
        found.append(invalid(_child(path, "kind"), kind, detail))
    if isinstance(value.get("metadata"), dict):
        _check_metadata(found, value["metadata"], _child(path, "metadata"))


def _check_metadata(found: Found, metadata: Object, path: str) -> None:
    get = metadata.get
    prefix, name, namespace = (get(key) or "" for key in ("generateName", "name", "namespace"))
    for field, text, problems in (
        ("generateName", prefix, path_segment(masked_prefix(prefix)) if prefix else ()),
        ("name", name, path_segment(name) if name else ()),
        ("namespace", namespace, dns1123_label(namespace) if namespace else ()),
    ):
        found += [invalid(f"{path}.{field}", text, problem) for problem in problems]
    if (get("generation") or 0) < 0:
        found.append(invalid(f"{path}.generation", metadata["generation"], NON_NEGATIVE))
    for field, check in (("labels", check_labels), ("annotations", check_annotations)):
        texts = {key: text or "" for key, text in (get(field) or {}).items()}
        check(found, texts, f"{path}.{field}")
    for finalizer in get("finalizers") or ():
        check_qualified(found, finalizer or "", f"{path}.finalizers")
