"""Projected volumes: several sources in one directory."""

from __future__ import annotations

from collections.abc import Callable

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.keys import check_downward, check_keys, check_mode
from kapiserver.resources.validation.labels import check_selector
from kapiserver.resources.validation.paths import check_local_path

_MIN_SECONDS = 600
_MAX_SECONDS = 1 << 32


def check_projected(found: Found, source: Object, path: str) -> None:
    check_mode(found, source.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()
    for position, part in enumerate(source.get("sources") or ()):
        here = f"{path}.sources[{position}]"
        count = 0
        for kind, check in _PARTS.items():
            below = part.get(kind)
            if below is not None:
                count += 1
                check(found, below, here + "." + kind, path, taken)
        if count > 1:
            detail = "may not specify more than 1 volume type per source"
            found.append(forbidden(here, detail))


def _claim(found: Found, file: str, taken: set[str], path: str, shown: str) -> None:
    if file in taken:
        found.append(invalid(path, shown, "conflicting duplicate paths"))
    taken.add(file)


def _check_named(found: Found, part: Object, here: str, path: str, taken: set[str]) -> None:
    name = part.get("name", "")
    if not name:
        found.append(required(f"{here}.name"))
    items = part.get("items") or ()
    check_keys(found, items, f"{here}.items")
    for item in items:
        if item.get("path"):
            _claim(found, item["path"], taken, path, name)


def _check_fields(found: Found, part: Object, here: str, path: str, taken: set[str]) -> None:
    for item in part.get("items") or ():
        check_downward(found, item, here)
        if item.get("path"):
            _claim(found, item["path"], taken, path, item["path"])


def _check_token(found: Found, part: Object, here: str, path: str, taken: set[str]) -> None:
    seconds = part.get("expirationSeconds", 0)
    if seconds < _MIN_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
        found.append(invalid(f"{here}.expirationSeconds", seconds, detail))
    elif seconds > _MAX_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
        found.append(invalid(f"{here}.expirationSeconds", seconds, detail))
    file = part.get("path", "")
    if not file:
        found.append(required(f"{path}.path"))
    else:
        check_local_path(found, file, f"{path}.path")


def _check_bundle(found: Found, part: Object, here: str, path: str, taken: set[str]) -> None:
    name, signer = part.get("name"), part.get("signerName")
    if name is not None and signer is not None:
        found.append(invalid(here, part, "only one of name and signerName may be used"))
    elif name is not None:
        if not name:
            found.append(required(f"{here}.name", "must be a valid object name"))
        if part.get("labelSelector") is not None:
            detail = "labelSelector must be unset if name is specified"
            found.append(invalid(f"{here}.labelSelector", part["labelSelector"], detail))
    elif signer is not None:
        if not signer:
            found.append(required(f"{here}.signerName", "must be a valid signer name"))
        check_selector(found, part.get("labelSelector"), f"{here}.labelSelector")
    else:
        found.append(required(here, "either name or signerName must be specified"))
    file = part.get("path", "")
    if not file:
        found.append(required(f"{here}.path"))
    check_local_path(found, file, f"{here}.path")
    _claim(found, file, taken, path, file)


_PARTS: dict[str, Callable[[Found, Object, str, str, set[str]], None]] = {
    "secret": _check_named,
    "configMap": _check_named,
    "downwardAPI": _check_fields,
    "serviceAccountToken": _check_token,
    "clusterTrustBundle": _check_bundle,
}
