"""Where an object lives in the store: `/registry/<resource>[/<namespace>]/<name>`.

Every prefix ends in "/", and a segment that could step out of its folder is refused
(CVE-2022-3162), so that a range over one resource can never touch another.
"""

from __future__ import annotations

import orjson

from kapiserver.errors import BadRequest

ROOT = b"/registry/"
_STEPS = (".", "..")


def check_name(name: str) -> None:
    """Raise BadRequest for what can be no name in a path; the words are upstream's."""
    if is_segment(name):
        return
    if name in _STEPS:
        problems = [f"may not be '{name}'"]
    else:
        problems = [f"may not contain '{bad}'" for bad in "/%" if bad in name]
    if problems:
        shown = orjson.dumps(name).decode()
        raise BadRequest(f"Name parameter invalid: {shown}: {';'.join(problems)}")
    check_segment(name)


def check_segment(segment: str) -> None:
    """Raise BadRequest for a name or namespace that is no single path segment."""
    if not is_segment(segment):
        raise BadRequest(
            f"invalid path segment {segment!r}: it must not be '', '.', '..' or hold '/'"
        )


def is_segment(text: str) -> bool:
    return bool(text) and text not in _STEPS and "/" not in text and "%" not in text


class KeySpace:
    """The keys of one resource. `resource` is `pods` or `deployments.apps`."""

    __slots__ = ("namespaced", "prefix", "resource")

    def __init__(self, resource: str, *, namespaced: bool) -> None:
        check_segment(resource)
        self.resource = resource
        self.namespaced = namespaced
        self.prefix = ROOT + resource.encode() + b"/"

    def key(self, namespace: str, name: str) -> bytes:
        check_name(name)
        if not self.namespaced:
            return self.prefix + name.encode()
        check_segment(namespace)
        return self.prefix + namespace.encode() + b"/" + name.encode()

    def range_prefix(self, namespace: str) -> bytes:
        """The prefix of a namespace's objects, or of all objects when `namespace` is empty."""
        if not namespace or not self.namespaced:
            return self.prefix
        check_segment(namespace)
        return self.prefix + namespace.encode() + b"/"

    def split(self, key: bytes) -> tuple[str, str]:
        """(namespace, name) of a key of this space; the namespace is "" for cluster scope."""
        rest = key[len(self.prefix) :].decode()
        if not self.namespaced:
            return "", rest
        namespace, _, name = rest.partition("/")
        return namespace, name


def resource_of(key: bytes) -> bytes:
    """`deployments.apps` of a key below ROOT; b"" for any other key."""
    if not key.startswith(ROOT):
        return b""
    end = key.find(b"/", len(ROOT))
    return key[len(ROOT) : end] if end > 0 else b""
