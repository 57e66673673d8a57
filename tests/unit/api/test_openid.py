"""Where the keys of tokens are: at an address that a client can use."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kapiserver.api.openid import openid_handlers
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.request_info import parse
from kapiserver.request import Connection, Request

PATH = "/.well-known/openid-configuration"


def document(keys_uri: str, external: str, reached: tuple[str, int]) -> dict[str, Any]:
    handler = openid_handlers("https://issuer", (), keys_uri, external)[".well-known"]
    request = Request("GET", PATH, b"", (), Connection(None, reached, None), "2", None)
    response = handler(RequestContext(request, parse("GET", PATH)))
    assert response is not None
    assert isinstance(response.body, bytes)
    answer: dict[str, Any] = orjson.loads(response.body)
    return answer


@pytest.mark.parametrize(
    ("keys_uri", "external", "reached", "expected"),
    [
        ("https://keys/here", "api:6443", ("10.0.0.1", 6443), "https://keys/here"),
        ("", "api:6443", ("10.0.0.1", 6443), "https://api:6443/openid/v1/jwks"),
        ("", "", ("10.0.0.1", 4711), "https://10.0.0.1:4711/openid/v1/jwks"),
        ("", "", ("::1", 4711), "https://[::1]:4711/openid/v1/jwks"),
    ],
)
def test_the_address_of_the_keys(
    keys_uri: str, external: str, reached: tuple[str, int], expected: str
) -> None:
    assert document(keys_uri, external, reached)["jwks_uri"] == expected
