"""Accept headers as kubectl, client-go, browsers and curl send them."""

from __future__ import annotations

import pytest

from kapiserver.api import negotiation
from kapiserver.api.negotiation import (
    JSON,
    METADATA,
    OBJECT,
    PROTOBUF,
    TABLE,
    YAML,
    Output,
    negotiate,
)
from kapiserver.errors import NotAcceptable, UnsupportedMediaType

KUBECTL_GET = (
    b"application/json;as=Table;v=v1;g=meta.k8s.io,"
    b"application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
PROTOBUF_FIRST = b"application/vnd.kubernetes.protobuf,application/json"

CASES: list[tuple[bytes, Output]] = [
    (b"", Output()),
    (b"*/*", Output()),
    (b"application/*", Output()),
    (b"application/json", Output(JSON)),
    (b"application/yaml", Output(YAML)),
    (b"application/yaml;q=0.5,application/json;q=0.9", Output(JSON)),
    (b"text/html,application/xhtml+xml,*/*;q=0.8", Output(JSON)),
    (PROTOBUF_FIRST, Output(JSON)),
    (b"application/vnd.kubernetes.protobuf,*/*", Output(JSON)),
    (b"application/vnd.kubernetes.protobuf", Output(PROTOBUF)),
    (b"application/vnd.kubernetes.protobuf,application/json;q=0.9", Output(PROTOBUF)),
    (b"application/vnd.kubernetes.protobuf;q=0.5,application/json;q=0.4", Output(PROTOBUF)),
    (
        b"application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
        b"application/json",
        Output(PROTOBUF, convert=METADATA),
    ),
    (KUBECTL_GET, Output(JSON, convert=TABLE)),
    (b"application/json;as=Table;v=v1beta1;g=meta.k8s.io", Output(JSON, False, TABLE, "v1beta1")),
    (b"application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Output(JSON)),
    (
        b"application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
        b"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
        Output(JSON, convert=METADATA),
    ),
    (b"application/json;pretty=1", Output(JSON, pretty=True)),
]


@pytest.mark.parametrize(("accept", "expected"), CASES)
def test_accept(accept: bytes, expected: Output) -> None:
    assert negotiate(accept) == expected


def test_tables_are_not_offered_where_there_is_no_object() -> None:
    assert negotiate(KUBECTL_GET, convertible=False).convert == OBJECT


def test_nothing_acceptable_is_a_406_that_names_what_there_is() -> None:
    with pytest.raises(NotAcceptable) as caught:
        negotiate(b"text/html")
    assert caught.value.message == (
        "only the following media types are accepted: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )


def test_protobuf_is_not_offered_where_nobody_writes_it() -> None:
    with pytest.raises(NotAcceptable):
        negotiate(PROTOBUF.encode(), protobuf=False)


def test_watches_are_json_where_that_will_do() -> None:
    accept = b"application/vnd.kubernetes.protobuf;stream=watch,application/json;stream=watch"
    assert negotiation.negotiate_stream(accept).media_type == JSON
    assert negotiation.negotiate_stream(accept.partition(b",")[0]).media_type == PROTOBUF
    with pytest.raises(NotAcceptable):
        negotiation.negotiate_stream(b"application/yaml")


def test_bodies_are_json_or_yaml() -> None:
    assert negotiation.body_media_type(None) == JSON
    assert negotiation.body_media_type(b"application/json; charset=utf-8") == JSON
    assert negotiation.body_media_type(b"application/yaml") == YAML
    with pytest.raises(UnsupportedMediaType) as caught:
        negotiation.body_media_type(b"text/plain")
    assert caught.value.message.startswith(
        "the body of the request was in an unknown format - accepted media types include: "
    )


def test_people_get_readable_output_programs_compact() -> None:
    assert negotiation.wants_pretty("true", None)
    assert negotiation.wants_pretty("", b"curl/8.1")
    assert not negotiation.wants_pretty("false", b"curl/8.1")
    assert not negotiation.wants_pretty("", b"kubectl/v1.37.1")
