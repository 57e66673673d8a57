"""Projected volumes: several sources in one directory."""

from __future__ import annotations

from collections.abc import Callable

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.keys import check_downward, check_keys, check_mode
from kapiserver.resources.validation.paths import check_local_path
from kapiserver.resources.validation.pod_certificates import check_bundle, check_certificate

_MIN_SECONDS = 600
_MAX_SECONDS = 1 << 32


def check_projected(found: Found, source: Object, path: str, *, lenient: bool = False) -> None:
    """`lenient`: whether paths of tokens may lead anywhere, as they once could."""
    check_mode(found, source.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()

    def claim(file: str, shown: str | None = None) -> None:
        if file in taken:
            detail = "conflicting duplicate paths"
            found.append(invalid(path, file if shown is None else shown, detail))
        taken.add(file)

    for position, part in enumerate(source.get("sources") or ()):
        here = f"{path}.sources[{position}]"
        count = 0
        for kind in ("secret", "configMap"):
            if kind in part:
                count += 1
                _check_named(found, part[kind], f"{here}.{kind}", claim)
        if "downwardAPI" in part:
            count += 1
            for item in part["downwardAPI"].get("items") or ():
                check_downward(found, item, f"{here}.downwardAPI")
                if item.get("path"):
                    claim(item["path"])
        if "serviceAccountToken" in part:
            count += 1
            token = part["serviceAccountToken"]
            _check_token(found, token, f"{here}.serviceAccountToken", path, lenient)
        if "clusterTrustBundle" in part:
            count += 1
            check_bundle(found, part["clusterTrustBundle"], f"{here}.clusterTrustBundle", claim)
        if "podCertificate" in part:
            count += 1
            check_certificate(found, part["podCertificate"], f"{here}.podCertificate", claim)
        if count > 1:
            detail = "may not specify more than 1 volume type per source"
            found.append(forbidden(here, detail))


def _check_named(
    found: Found, part: Object, here: str, claim: Callable[[str, str | None], None]
) -> None:
    name = part.get("name", "")
    if not name:
        found.append(required(f"{here}.name"))
    for position, item in enumerate(part.get("items") or ()):
        check_keys(found, (item,), f"{here}.items", position)
        if item.get("path"):
            claim(item["path"], name)


def _check_token(found: Found, part: Object, here: str, path: str, lenient: bool) -> None:
    seconds = part.get("expirationSeconds")
    if seconds is None:
        found.append(required(f"{here}.expirationSeconds"))
    elif seconds < _MIN_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
        found.append(invalid(f"{here}.expirationSeconds", seconds, detail))
    elif seconds > _MAX_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
        found.append(invalid(f"{here}.expirationSeconds", seconds, detail))
    file = part.get("path", "")
    if not file:
        found.append(required(f"{path}.path"))
    elif not lenient:
        check_local_path(found, file, f"{path}.path")
