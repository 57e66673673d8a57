"""Headers that the settings ask for: cross-origin requests, transport security, moving on."""

from __future__ import annotations

from pathlib import Path

import pytest

from kapiserver.api.paths import Paths
from kapiserver.config import ConfigError, make_config
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.dispatcher import PipelineDispatcher
from kapiserver.pipeline.http_policy import HttpPolicy
from kapiserver.request import Connection, Request, Response
from kapiserver.server.settings import http_policy


class Nobody:
    """A stage that lets nobody in, and resources that are never asked."""

    def check(self, context: RequestContext) -> bool:
        raise AssertionError("a preflight goes no further")

    async def wait(self, context: RequestContext) -> None:
        self.check(context)

    def done(self, context: RequestContext, response: Response | None) -> None: ...

    def answer_now(self, context: RequestContext) -> Response | None:
        return None

    async def answer(self, context: RequestContext) -> Response:
        return Response(200, [])


def request(method: str = "GET", origin: str = "", version: str = "2") -> Request:
    headers = [(b"origin", origin.encode())] if origin else []
    return Request(method, "/version", b"", headers, Connection(None, None, None), version, None)


ORIGINS = HttpPolicy(origins=[r"^https://dash\.example$", r"//localhost(:|$)"])


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://dash.example", True),
        ("http://localhost", True),
        ("http://localhost:8080", True),
        ("https://dash.example.evil", False),
        ("http://localhost.evil", False),
        ("", False),
    ],
)
def test_origins_are_found_by_pattern(origin: str, allowed: bool) -> None:
    headers = dict(ORIGINS.headers(request(origin=origin)))
    assert headers.get(b"access-control-allow-origin", b"").decode() == (origin if allowed else "")
    assert (b"access-control-allow-credentials" in headers) == allowed
    assert (ORIGINS.preflight(request("OPTIONS", origin)) is not None) == allowed
    assert ORIGINS.preflight(request("GET", origin)) is None


async def test_a_preflight_is_answered_before_anybody_is_asked_who_they_are() -> None:
    made = PipelineDispatcher([Nobody()], Nobody(), Paths({}, list), policy=ORIGINS)
    answer = await made.handle(request("OPTIONS", "http://localhost"))
    assert answer.status == 204
    assert dict(answer.headers)[b"access-control-allow-methods"] == (
        b"POST, GET, OPTIONS, PUT, DELETE, PATCH"
    )


async def test_every_answer_says_how_long_to_insist_on_tls() -> None:
    policy = HttpPolicy(transport_security=("max-age=60", "preload"))
    made = PipelineDispatcher([], Nobody(), Paths({}, list), policy=policy)
    for path in ("/", "/nothing"):
        asked = Request("GET", path, b"", [], Connection(None, None, None), "1.1", None)
        answer = made.fast(asked)
        assert answer is not None
        assert dict(answer.headers)[b"strict-transport-security"] == b"max-age=60; preload"


def test_only_http2_connections_are_asked_to_move_on() -> None:
    policy = HttpPolicy(goaway_chance=1.0)
    assert (b"connection", b"close") in policy.headers(request())
    assert policy.headers(request(version="1.1")) == []
    assert not HttpPolicy().in_use


def test_the_settings_make_the_policy(tmp_path: Path) -> None:
    config = make_config(
        {
            "data-dir": str(tmp_path),
            "cors-allowed-origins": "//a:,^https://b$",
            "strict-transport-security-directives": "max-age=5,includeSubDomains",
            "goaway-chance": "0.02",
        }
    )
    headers = dict(http_policy(config).headers(request(origin="http://a:1")))
    assert headers[b"access-control-allow-origin"] == b"http://a:1"
    assert headers[b"strict-transport-security"] == b"max-age=5; includeSubDomains"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors-allowed-origins", "example.com"),
        ("cors-allowed-origins", "^a"),
        ("cors-allowed-origins", "^a($"),
        ("strict-transport-security-directives", "max-age"),
        ("strict-transport-security-directives", "preloaded"),
        ("goaway-chance", "0.03"),
        ("goaway-chance", "-1"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        make_config({"data-dir": str(tmp_path), name: value})
