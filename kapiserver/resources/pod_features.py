"""Fields of pods and templates whose features are off: kube-apiserver drops them unless the object
that is replaced has them already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.pod_containers import containers_of

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")
_FILE_SOURCES = ("secret", "configMap", "downwardAPI", "projected")
_IN_SPEC = ("schedulingGroup", "evictionResponders")

# Where a field may be: the dicts that may hold it, and its name in them.
Places = Iterator[tuple[Object, str]]


def drop_disabled(spec: Object, old: Object | None = None) -> None:
    """In place. `old` is the spec that this one replaces."""
    before = old or {}
    for field in _IN_SPEC:
        if field not in before:
            spec.pop(field, None)
    containers = containers_of(spec)
    volumes = spec.get("volumes") or ()
    for places in _CONTAINER_FIELDS:
        _drop(places, containers, containers_of(before))
    for on_volumes in _VOLUME_FIELDS:
        _drop(on_volumes, volumes, before.get("volumes") or ())


def _drop(places: Callable[[Any], Places], holders: Any, before: Any) -> None:
    used = [(holder, field) for holder, field in places(holders) if field in holder]
    if not used or any(field in holder for holder, field in places(before)):
        return
    for holder, field in used:
        del holder[field]
    for container in holders:
        if "lifecycle" in container and not container["lifecycle"]:
            del container["lifecycle"]


def _stop_signals(containers: list[Object]) -> Places:
    for container in containers:
        if container.get("lifecycle"):
            yield container["lifecycle"], "stopSignal"


def _bind_options(containers: list[Object]) -> Places:
    for container in containers:
        for mount in container.get("volumeMounts") or ():
            yield mount, "bindMountOptions"


def _handlers(containers: list[Object]) -> Iterator[Object]:
    for container in containers:
        for field in _PROBES:
            if container.get(field):
                yield container[field]
        for field in _HOOKS:
            if (handler := (container.get("lifecycle") or {}).get(field)) is not None:
                yield handler


def _grpc_modes(containers: list[Object]) -> Places:
    for handler in _handlers(containers):
        if handler.get("grpc"):
            yield handler["grpc"], "mode"


def _http_protocols(containers: list[Object]) -> Places:
    for handler in _handlers(containers):
        if handler.get("httpGet"):
            yield handler["httpGet"], "protocol"


def _directory_modes(volumes: Any) -> Places:
    for volume in volumes:
        if volume.get("emptyDir"):
            yield volume["emptyDir"], "mode"


def _file_owners(volumes: Any) -> Places:
    for volume in volumes:
        for kind in _FILE_SOURCES:
            source = volume.get(kind)
            if not source:
                continue
            yield source, "defaultUser"
            for part in (source, *(s for p in source.get("sources") or () for s in p.values())):
                yield part, "user"
                for item in part.get("items") or ():
                    yield item, "user"


_CONTAINER_FIELDS: tuple[Callable[[Any], Places], ...] = (
    _stop_signals,
    _bind_options,
    _grpc_modes,
    _http_protocols,
)
_VOLUME_FIELDS: tuple[Callable[[Any], Places], ...] = (_directory_modes, _file_owners)
