"""ObjectMeta: what the server fills in, what a client may not change, and what is well formed.

Pure functions on decoded metadata. `begin_*` change the new object in place before the resource's
own hooks run; `check_*` return findings (`Cause`s) worded as upstream's and change nothing.
managedFields are the business of `apply`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from kapiserver.api.apply.managers import check_entries
from kapiserver.api.content import label_value, qualified_name
from kapiserver.api.go_text import quoted
from kapiserver.errors import BadRequest, Cause
from kapiserver.resources.definition import NameRule, Object
from kapiserver.resources.field_errors import forbidden, immutable, invalid, required, too_long
from kapiserver.resources.names import dns1123_label, masked_prefix, path_segment

ANNOTATIONS_LIMIT = 256 << 10
NAME_LIMIT = 63
_SUFFIX_LENGTH = 5
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
_POLICY_FINALIZERS = (ORPHAN, FOREGROUND)

_SYSTEM_FIELDS = (
    "selfLink",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
_SENT_FOR_NOTHING = (
    "selfLink",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_OMITTED_WHEN_EMPTY = ("labels", "annotations", "ownerReferences", "finalizers")
_KEPT_ON_UPDATE = ("creationTimestamp", "generation")
_IMMUTABLE = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def timestamp(at: float | None = None) -> str:
    """RFC 3339, seconds, UTC: how metav1.Time is written."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def generated_name(prefix: str) -> str:
    """A prefix (cut so that the whole fits a DNS label) and five random characters."""
    room = NAME_LIMIT - _SUFFIX_LENGTH
    return prefix[:room] + "".join(random.choices(_SUFFIX_ALPHABET, k=_SUFFIX_LENGTH))


def metadata_of(obj: Object) -> dict[str, Any]:
    """The metadata, made if absent."""
    metadata: dict[str, Any] = obj.setdefault("metadata", {})
    return metadata


def match_namespace(metadata: dict[str, Any], namespace: str) -> None:
    """The object lives where the request says ("" for cluster scope)."""
    given = metadata.get("namespace", "")
    if not namespace:
        metadata.pop("namespace", None)
    elif not given:
        metadata["namespace"] = namespace
    elif given != namespace:
        raise BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def match_name(metadata: Mapping[str, Any], name: str) -> None:
    """The object of a PUT or PATCH is the one that the URL names."""
    given = metadata.get("name", "")
    if not given:
        raise BadRequest(
            f"the name of the object ({name} based on URL) was undeterminable: "
            "name must be provided"
        )
    if given != name:
        raise BadRequest(
            f"the name of the object ({given}) does not match the name on the URL ({name})"
        )


def drop_system_fields(metadata: dict[str, Any]) -> None:
    """What a client sends of these on create counts as not sent: nobody is told of it."""
    for field in _SENT_FOR_NOTHING:
        metadata.pop(field, None)


def begin_create(obj: Object, *, generations: bool) -> None:
    """A new identity; what only the server may set is wiped."""
    metadata = metadata_of(obj)
    for field in _SYSTEM_FIELDS:
        metadata.pop(field, None)
    _omit_empty(metadata)
    metadata["uid"] = str(uuid4())
    metadata["creationTimestamp"] = timestamp()
    if generations:
        metadata["generation"] = 1


def _omit_empty(metadata: dict[str, Any]) -> None:
    """What is empty is not there: removing the last label leaves no `labels: {}` behind."""
    for field in _OMITTED_WHEN_EMPTY:
        if field in metadata and not metadata[field]:
            del metadata[field]


def begin_update(obj: Object, old: Object) -> None:
    """What an update can never change is put back before anybody looks."""
    metadata, before = metadata_of(obj), old["metadata"]
    metadata.pop("selfLink", None)
    _omit_empty(metadata)
    for field in _KEPT_ON_UPDATE:
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    if "deletionTimestamp" in before:  # to a new one, validation has something to say
        metadata["deletionTimestamp"] = before["deletionTimestamp"]
    metadata["uid"] = metadata.get("uid") or before.get("uid", "")
    grace = before.get("deletionGracePeriodSeconds")
    if grace is not None:
        metadata.setdefault("deletionGracePeriodSeconds", grace)


def drop_duplicate_owners(metadata: dict[str, Any], *, admitted: bool = False) -> str:
    """Owner references with a UID that was there before are dropped; returns a warning or "".

    `admitted`: patches are looked at after admission only, and the warning says so.
    """
    owners = metadata.get("ownerReferences")
    if not owners or len(owners) < 2:
        return ""
    unique = {owner.get("uid"): owner for owner in reversed(owners)}
    if len(unique) == len(owners):
        return ""
    metadata["ownerReferences"] = [
        unique[uid] for uid in dict.fromkeys(o.get("uid") for o in owners)
    ]
    repeated = sorted(
        {str(o.get("uid")) for o in owners if sum(p.get("uid") == o.get("uid") for p in owners) > 1}
    )
    when = " after mutating admission happens" if admitted else ""
    return (
        f".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner "
        "references in 1.20+, and may reject such requests as early as 1.24; please fix your "
        f"requests; duplicate UID(s) observed: {', '.join(repeated)}"
    )


def check_metadata(
    metadata: Mapping[str, Any],
    *,
    namespaced: bool,
    name_rule: NameRule,
    own_finalizers: bool = False,
) -> list[Cause]:
    """All findings about an object's metadata, on create and update alike.

    `own_finalizers`: those of Kubernetes are known, and others must say whose they are.
    """
    causes: list[Cause] = []
    prefix = metadata.get("generateName", "")
    if prefix:
        for problem in name_rule(masked_prefix(prefix)):
            causes.append(invalid("metadata.generateName", prefix, problem))
    name = metadata.get("name", "")
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    else:
        for problem in name_rule(name) or path_segment(name):
            causes.append(invalid("metadata.name", name, problem))
    namespace = metadata.get("namespace", "")
    if namespaced:
        if not namespace:
            causes.append(required("metadata.namespace"))
        else:
            for problem in dns1123_label(namespace):
                causes.append(invalid("metadata.namespace", namespace, problem))
    elif namespace:
        causes.append(forbidden("metadata.namespace", "not allowed on this type"))
    if labels := metadata.get("labels"):
        causes += check_labels(labels, "metadata.labels")
    if annotations := metadata.get("annotations"):
        causes += _check_annotations(annotations)
    if owners := metadata.get("ownerReferences"):
        causes += _check_owners(owners)
    if finalizers := metadata.get("finalizers"):
        causes += _check_finalizers(finalizers)
        if own_finalizers:
            causes += _check_own_finalizers(finalizers)
    if entries := metadata.get("managedFields"):
        causes += check_entries(entries)
    return causes


def check_labels(labels: Mapping[str, str], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for key, value in labels.items():
        causes += [invalid(path, key, problem) for problem in qualified_name(key)]
        causes += [invalid(path, value, problem) for problem in label_value(value)]
    return causes


def _check_annotations(annotations: Mapping[str, str]) -> list[Cause]:
    path = "metadata.annotations"
    causes: list[Cause] = []
    size = 0
    for key, value in annotations.items():
        causes += [invalid(path, key, problem) for problem in qualified_name(key.lower())]
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT:
        causes.append(too_long(path, ANNOTATIONS_LIMIT))
    return causes


def _check_owners(owners: Sequence[Mapping[str, Any]]) -> list[Cause]:
    path = "metadata.ownerReferences"
    causes: list[Cause] = []
    controller = ""
    for owner in owners:
        api_version = owner.get("apiVersion", "")
        if api_version.count("/") > 1 or not api_version.rpartition("/")[2]:
            detail = "version must not be empty"
            causes.append(invalid(f"{path}.apiVersion", api_version, detail))
        for field in ("kind", "name", "uid"):
            if not owner.get(field):
                causes.append(invalid(f"{path}.{field}", "", "must not be empty"))
        if (api_version, owner.get("kind")) == ("v1", "Event"):
            detail = "/v1, Kind=Event is disallowed from being an owner"
            causes.append(invalid(path, _shown_owner(owner), detail))
        if owner.get("controller"):
            this = f"{owner.get('kind')}/{owner.get('name')}"
            if controller:
                detail = (
                    "Only one reference can have Controller set to true. Found "
                    f'"true" in references for {controller} and {this}'
                )
                causes.append(invalid(path, [_shown_owner(each) for each in owners], detail))
            else:
                controller = this
    return causes


def _shown_owner(owner: Mapping[str, Any]) -> Object:
    """As Go's own struct is shown, in whatever order and however complete it was sent."""
    told = {field: owner.get(field, "") for field in ("apiVersion", "kind", "name", "uid")}
    for field in ("controller", "blockOwnerDeletion"):
        if owner.get(field) is not None:
            told[field] = owner[field]
    return told


def _check_finalizers(finalizers: Sequence[str]) -> list[Cause]:
    path = "metadata.finalizers"
    causes = [
        invalid(path, finalizer, problem)
        for finalizer in finalizers
        for problem in qualified_name(finalizer)
    ]
    if ORPHAN in finalizers and FOREGROUND in finalizers:
        detail = f"finalizer {ORPHAN} and {FOREGROUND} cannot be both set"
        causes.append(invalid(path, list(finalizers), detail))
    return causes


def _check_own_finalizers(finalizers: Sequence[str]) -> list[Cause]:
    detail = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        invalid(f"metadata.finalizers[{position}]", finalizer, detail)
        for position, finalizer in enumerate(finalizers)
        if "/" not in finalizer and finalizer not in (*_POLICY_FINALIZERS, "kubernetes")
    ]


def finalizer_warnings(metadata: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """About finalizers of custom resources that are new, and might be anybody's."""
    added = set(metadata.get("finalizers") or ()) - set(before.get("finalizers") or ())
    return [
        f"metadata.finalizers: {quoted(finalizer)}: prefer a domain-qualified finalizer name "
        "including a path (/) to avoid accidental conflicts with other finalizer writers"
        for finalizer in sorted(added)
        if "/" not in finalizer and finalizer not in _POLICY_FINALIZERS
    ]


def check_update(metadata: Mapping[str, Any], before: Mapping[str, Any]) -> list[Cause]:
    """What may not differ from the stored object."""
    causes: list[Cause] = []
    if "deletionTimestamp" in before:
        added = set(metadata.get("finalizers") or ()) - set(before.get("finalizers") or ())
        if added:
            listed = ", ".join(f'"{finalizer}"' for finalizer in sorted(added))
            causes.append(
                forbidden(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, "
                    f"found new finalizers []string{{{listed}}}",
                )
            )
    for field in _IMMUTABLE:
        if metadata.get(field) != before.get(field):
            causes.append(immutable(f"metadata.{field}", metadata.get(field)))
    return causes
