"""The containers of a pod, whichever list of its spec they are in. In: a pod's spec."""

from __future__ import annotations

from collections.abc import Iterator

from kapiserver.resources.definition import Object

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


def containers_of(spec: Object) -> list[Object]:
    return [container for field in CONTAINER_LISTS for container in spec.get(field) or ()]


def each_container(spec: Object, path: str) -> Iterator[tuple[str, Object]]:
    """With its path; `path` is the spec's."""
    for field in CONTAINER_LISTS:
        for position, container in enumerate(spec.get(field) or ()):
            yield f"{path}.{field}[{position}]", container
