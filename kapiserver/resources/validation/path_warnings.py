"""Files of one volume that get in each other's way: the last one written wins, or none can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import shown

# A file of a volume, and which of several sources it comes from.
File = tuple[str, str]

_MAX_CLASHES = 1000

_CERTIFICATE_FILES = (
    ("certificateChainPath", "PodCertificate chain"),
    ("keyPath", "PodCertificate key"),
    ("credentialBundlePath", "PodCertificate credential bundle"),
)


def path_warnings(volumes: Any) -> Iterator[str]:
    for volume in volumes or ():
        name = shown(volume.get("name", ""))
        for kind, source in volume.items():
            if kind == "projected":
                yield from _projected(name, source)
            elif kind in ("configMap", "secret", "downwardAPI") and source.get("items"):
                what = _source_name(kind, source, "secretName")
                for clash in _clashes((item.get("path", ""), "") for item in source["items"]):
                    yield f"volume {name} ({what}): overlapping paths: {clash}"


def _source_name(kind: str, source: Object, secret_field: str) -> str:
    if kind == "configMap":
        return f"ConfigMap {shown(source.get('name', ''))}"
    if kind == "secret":
        return f"Secret {shown(source.get(secret_field, ''))}"
    return "DownwardAPI"


def _projected(name: str, source: Object) -> Iterator[str]:
    files: list[File] = []
    for part in source.get("sources") or ():
        if not part:
            yield f"volume {name} (Projected) has no sources provided"
        files += _files(part)
    for clash in _clashes(files):
        yield f"volume {name} (Projected): overlapping paths: {clash}"


def _files(part: Object) -> Iterator[File]:
    for kind in ("configMap", "secret", "downwardAPI"):
        if (part.get(kind) or {}).get("items"):
            what = _source_name(kind, part[kind], "name")
            yield from ((item.get("path", ""), what) for item in part[kind]["items"])
            return
    if (token := part.get("serviceAccountToken")) is not None:
        yield token.get("path", ""), "ServiceAccountToken"
    elif (bundle := part.get("clusterTrustBundle")) is not None:
        signer = bundle.get("name", bundle.get("signerName", ""))
        yield bundle.get("path", ""), f"ClusterTrustBundle {shown(signer)}"
    elif (certificate := part.get("podCertificate")) is not None:
        for field, what in _CERTIFICATE_FILES:
            if certificate.get(field):
                yield certificate[field], what


def _clashes(files: Iterable[File]) -> Iterator[str]:
    """Of files where one is the other, or a directory of it: each with those before it.

    In order of names, whatever begins with a name follows it; so one pass finds them all. Of very
    many, some are told: a client hears of no more.
    """
    listed = [(path.rstrip("/"), source) for path, source in files]
    named = sorted((f"{path}/", place) for place, (path, _) in enumerate(listed) if path)
    around: list[tuple[str, int]] = []
    clashes: list[tuple[int, int]] = []
    for name, place in named:
        while around and not name.startswith(around[-1][0]):
            around.pop()
        clashes += [(max(place, other), min(place, other)) for _, other in around[:_MAX_CLASHES]]
        if len(clashes) > _MAX_CLASHES:
            break
        around.append((name, place))
    for later, earlier in sorted(clashes):
        yield f"{_text(listed[later])} with {_text(listed[earlier])}"


def _text(file: File) -> str:
    path, source = file
    return f"{shown(path)} ({source})" if source else shown(path)
