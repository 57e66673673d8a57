"""Which bodies may come as protobuf."""

from __future__ import annotations

import pytest

from kapiserver.api.negotiation import PROTOBUF, body_media_type
from kapiserver.errors import UnsupportedMediaType

ACCEPTED = "the body of the request was in an unknown format - accepted media types include: "


def test_objects_of_built_in_kinds_may() -> None:
    assert body_media_type(PROTOBUF.encode()) == PROTOBUF
    assert body_media_type(b"application/vnd.kubernetes.protobuf;type=x") == PROTOBUF
    with pytest.raises(UnsupportedMediaType) as caught:
        body_media_type(b"application/cbor")
    assert caught.value.message == f"{ACCEPTED}application/json, application/yaml, {PROTOBUF}"


def test_custom_resources_have_no_messages() -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        body_media_type(PROTOBUF.encode(), custom=True)
    assert caught.value.message == f"{ACCEPTED}application/json, application/yaml"
