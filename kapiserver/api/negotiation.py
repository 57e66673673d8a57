"""What form the client wants the answer in, and what form its body is in.

In: Accept and Content-Type headers. Out: `Output` (media type, pretty, and whether it is to be a
Table or metadata only) or an error with upstream's wording (406, 415). Pure. Real clients send a
handful of different headers, so parsed ones are remembered.

Go clients ask for "protobuf, or else JSON", both of the same quality. Upstream takes the first;
here they get JSON, which they read as well: it is what is stored and costs a copy, while protobuf
has to be made object by object (1 KB config maps in a list: 0.2 against 13 microseconds for each).
Protobuf is written for those who accept nothing else, or say with `q` that they prefer it.
"""

from __future__ import annotations

from dataclasses import dataclass

from kapiserver.api.accept import Clause, clauses
from kapiserver.errors import NotAcceptable, UnsupportedMediaType
from kapiserver.remembering import remembered
from kapiserver.resources.protobuf import Encoder

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
_SERVED = (JSON, YAML, PROTOBUF)
ROUTED = _SERVED
ROUTED_LISTS = (*_SERVED, f"{JSON};stream=watch", f"{PROTOBUF};stream=watch")
_TEXT = (JSON, YAML)

OBJECT = ""
TABLE = "Table"
METADATA = "PartialObjectMetadata"
METADATA_LIST = "PartialObjectMetadataList"
_CONVERSIONS = (TABLE, METADATA, METADATA_LIST)
_META_GROUP = "meta.k8s.io"
_META_VERSIONS = ("v1", "v1beta1")

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Output:
    """The negotiated answer. `convert` is OBJECT or one of the meta.k8s.io kinds.

    `encoder`: who writes protobuf, where that is the media type.
    """

    media_type: str = JSON
    pretty: bool = False
    convert: str = OBJECT
    meta_version: str = "v1"
    encoder: Encoder | None = None

    @property
    def content_type(self) -> bytes:
        return self.media_type.encode()

    def same_document(self, other: Output) -> bool:
        return (self.convert, self.meta_version) == (other.convert, other.meta_version)


PLAIN = Output()


def _not_acceptable(served: tuple[str, ...]) -> NotAcceptable:
    return NotAcceptable(f"only the following media types are accepted: {', '.join(served)}")


def _offers(clause: Clause, served: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in served if clause.covers(each))


def _output(clause: Clause, media_type: str, conversions: tuple[str, ...]) -> Output | None:
    """None: the clause asks for something that this endpoint cannot do."""
    convert, group, version, pretty, converted = OBJECT, "", "", False, False
    for name, value in clause.parameters:
        if name in ("as", "g", "v"):
            converted = True
        if name == "as":
            convert = value
        elif name == "g":
            group = value
        elif name == "v":
            version = value
        elif name == "pretty":
            pretty = value == "1"
        elif (name == "stream" and (value != "watch" or media_type == YAML)) or (
            name == "sv" and (value != "v1" or not conversions)
        ):
            return None
    if not converted:
        return Output(media_type, pretty)
    if convert not in conversions or group != _META_GROUP or version not in _META_VERSIONS:
        return None
    if convert == TABLE and media_type == PROTOBUF:
        return None
    return Output(media_type, pretty, convert, version)


def _best(accept: bytes, served: tuple[str, ...], conversions: tuple[str, ...]) -> Output | None:
    """The first clause that can be met; JSON where it is as welcome as protobuf."""
    binary: tuple[float, Output] | None = None
    for clause in clauses(accept):
        if binary is not None and clause.quality < binary[0]:
            break
        for offer in _offers(clause, served):
            found = _output(clause, offer, conversions)
            if found is None:
                continue
            if binary is None:
                if offer != PROTOBUF:
                    return found
                binary = clause.quality, found
            elif offer == JSON and found.same_document(binary[1]):
                return found
    return None if binary is None else binary[1]


@remembered(512)
def negotiate(accept: bytes, *, convertible: bool = True, protobuf: bool = True) -> Output:
    """The best form for an endpoint; raises NotAcceptable. `convertible`: Tables and metadata."""
    if not accept:
        return PLAIN
    served = _SERVED if protobuf else _TEXT
    found = _best(accept, served, _CONVERSIONS if convertible else ())
    if found is None:
        raise _not_acceptable(_SERVED)
    return found


@remembered(512)
def negotiate_stream(accept: bytes) -> Output:
    """As `negotiate`, for a watch: there are streams of JSON and of protobuf, and who likes YAML
    best is refused whatever comes next."""
    found = negotiate(accept)
    if found.media_type == YAML:
        raise _not_acceptable((f"{JSON};stream=watch", f"{PROTOBUF};stream=watch"))
    return found


@remembered(512)
def negotiate_as(accept: bytes, group: str, version: str, kind: str) -> str:
    """The media type in which a document of this kind is asked for, "" if it is not."""
    asked = {"g": group, "v": version, "as": kind}
    for clause in clauses(accept):
        if all(clause.parameter(name) == value for name, value in asked.items()):
            for offer in _SERVED:
                if clause.covers(offer) and not clause.parameter("stream"):
                    return offer
    return ""


def media_type(header: bytes | None) -> str:
    """A Content-Type without its parameters."""
    if not header:
        return ""
    return header.decode("latin-1").partition(";")[0].strip().lower()


def unsupported(accepted: tuple[str, ...]) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )


def body_media_type(header: bytes | None, *, custom: bool = False) -> str:
    """How to read an object in a body. Absent means JSON. `custom`: the object has no messages."""
    found = media_type(header)
    if not found:
        return JSON
    accepted = _TEXT if custom else _SERVED
    if found not in accepted:
        raise unsupported(accepted)
    return found


def wants_pretty(parameter: str, user_agent: bytes | None) -> bool:
    """`?pretty=` decides; without it, people's own tools get readable output."""
    if parameter:
        return parameter in ("1", "t", "T", "true", "TRUE", "True")
    return user_agent is not None and user_agent.startswith((b"curl", b"Wget", b"Mozilla/5.0"))
