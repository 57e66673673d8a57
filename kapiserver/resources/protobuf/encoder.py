"""Answers in Kubernetes' protobuf form: objects, lists, Status documents, and events of a watch.

In: documents as JSON has them, with kind and apiVersion. Out: bytes with envelope. What kind is
which message follows from the names of upstream's packages; a kind that has none (custom resources,
Tables) is `Unwritable`, with the words of upstream's 406.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from kapiserver.resources.protobuf import discovery
from kapiserver.resources.protobuf.envelope import MAGIC
from kapiserver.resources.protobuf.numbers import is_numbered
from kapiserver.resources.protobuf.wire import BYTES
from kapiserver.resources.protobuf.writers import Writers
from kapiserver.resources.protobuf.writing import Body, delimited, frame, tag_of, varint
from kapiserver.resources.schema import SchemaSet

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_PACKAGES = {
    "": "io.k8s.api.core",
    "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
    "flowcontrol.apiserver.k8s.io": "io.k8s.api.flowcontrol",
    "internal.apiserver.k8s.io": "io.k8s.api.apiserverinternal",
    "rbac.authorization.k8s.io": "io.k8s.api.rbac",
}
_GROUPS_WITHOUT_DOMAIN = frozenset(("apps", "autoscaling", "batch", "policy"))
_META_GROUP = "meta.k8s.io"
_PARTIAL = "PartialObjectMetadata"
_DISCOVERY = ("apidiscovery.k8s.io/v2", "APIGroupDiscoveryList")
_METAS = ("ListMeta", "ObjectMeta")
_TABLE = "Table"
_LIST = "List"

_FIRST, _SECOND = tag_of(1, BYTES), tag_of(2, BYTES)
# of the envelope: contentEncoding and contentType, which nobody fills but Go always writes
_NO_ENCODING_OR_TYPE = delimited(tag_of(3, BYTES), b"") + delimited(tag_of(4, BYTES), b"")


class Unwritable(ValueError):
    """There is no message for a kind. The text is upstream's."""

    def __init__(self, go_type: str) -> None:
        super().__init__(
            f"object *{go_type} does not implement the protobuf marshalling interface and cannot "
            "be encoded to a protobuf message"
        )


def definition_of(api_version: str, kind: str) -> str:
    """The definition that is the message of a kind; "" if there is none."""
    group, _, version = api_version.rpartition("/")
    if group in _PACKAGES:
        package = _PACKAGES[group]
    elif group in _GROUPS_WITHOUT_DOMAIN:
        package = f"io.k8s.api.{group}"
    else:
        name = group.removesuffix(".k8s.io")
        if "." in name or name == group:
            return ""
        package = f"io.k8s.api.{name}"
    own = f"{package}.{version}.{kind}"
    if is_numbered(own):
        return own
    shared = _META + kind  # Status and its like say v1
    return shared if api_version == "v1" and is_numbered(shared) else ""


@lru_cache(512)
def _type_meta(api_version: str, kind: str) -> bytes:
    """The part of the envelope that comes before the object."""
    names = delimited(_FIRST, api_version.encode()) + delimited(_SECOND, kind.encode())
    return MAGIC + delimited(_FIRST, names)


def _sealed(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"%b%b%b" % (
        _type_meta(api_version, kind),
        delimited(_SECOND, raw),
        _NO_ENCODING_OR_TYPE,
    )


class Encoder:
    """Writes documents of built-in kinds."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._writers = Writers(schemas)
        self._bodies: dict[tuple[str, str], Body] = {}

    def document(self, document: Mapping[str, Any]) -> bytes:
        """A document with its envelope. Raises Unwritable."""
        api_version, kind = document.get("apiVersion", "v1"), document["kind"]
        return _sealed(api_version, kind, self.body_of(api_version, kind)(document))

    def list(
        self, api_version: str, kind: str, metadata: Mapping[str, Any], items: Iterable[bytes]
    ) -> list[bytes]:
        """A list around the bytes of its items' messages, in pieces."""
        head = delimited(_FIRST, self._writers.get(_META + "ListMeta").write(metadata))
        pieces = [delimited(_SECOND, item) for item in items]
        size = len(head) + sum(map(len, pieces))
        start = b"".join((_type_meta(api_version, kind), _SECOND, varint(size), head))
        return [start, *pieces, _NO_ENCODING_OR_TYPE]

    def event(self, event_type: str, document: Mapping[str, Any]) -> bytes:
        """One event of a watch: type, and the document as a whole, framed."""
        obj = delimited(_FIRST, self.document(document))
        return frame(delimited(_FIRST, event_type.encode()) + delimited(_SECOND, obj))

    def body_of(self, api_version: str, kind: str) -> Body:
        """How documents of a kind become messages, without the envelope."""
        found = self._bodies.get((api_version, kind))
        if found is None:
            found = self._bodies[api_version, kind] = self._body(api_version, kind)
        return found

    def _body(self, api_version: str, kind: str) -> Body:
        if (api_version, kind) == _DISCOVERY:
            metas = (self._writers.get(f"{_META}{meta}").write for meta in _METAS)
            return discovery.group_list(*metas)
        if definition := definition_of(api_version, kind):
            return self._writers.get(definition).write
        of_meta = api_version.startswith(f"{_META_GROUP}/")
        if of_meta and kind == _PARTIAL:
            metadata = self._writers.get(_META + "ObjectMeta").write
            return lambda document: delimited(_FIRST, metadata(document["metadata"]))
        if of_meta and kind == _TABLE:
            raise Unwritable(f"{api_version.rpartition('/')[2]}.{kind}")
        if kind.endswith(_LIST):
            return self._list_body(self._item_body(api_version, kind))
        raise Unwritable("unstructured.Unstructured")

    def _item_body(self, api_version: str, kind: str) -> Body:
        try:
            return self._body(api_version, kind.removesuffix(_LIST))
        except Unwritable:
            raise Unwritable("unstructured.UnstructuredList") from None

    def _list_body(self, item: Body) -> Callable[[Mapping[str, Any]], bytes]:
        list_meta = self._writers.get(_META + "ListMeta").write

        def write(document: Mapping[str, Any]) -> bytes:
            pieces = [delimited(_FIRST, list_meta(document["metadata"]))]
            pieces += [delimited(_SECOND, item(below)) for below in document["items"]]
            return b"".join(pieces)

        return write
