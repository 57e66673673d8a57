"""What clients of every verb take for something that passes, and what they report."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from chaos.client import Lost, NotSent
from chaos.verbs import caller
from chaos.verbs.caller import Caller, Refused
from chaos.verbs.kubectl import _PASSING


def answer(status: int, reason: str = "", **more: Any) -> tuple[int, bytes]:
    kind = "Status" if status >= 400 else "ConfigMap"
    return status, orjson.dumps({"kind": kind, "reason": reason, **more})


class Script:
    """A cluster whose client says what it was told to, one thing after another."""

    names = ("node-1", "node-2")

    def __init__(self, *answers: tuple[int, bytes] | Exception) -> None:
        self.answers = list(answers)

    def client(self, node: str) -> Any:
        return SimpleNamespace(request=self._request, close=self._close)

    async def _request(self, *arguments: Any, **more: Any) -> tuple[int, bytes]:
        said = self.answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    async def _close(self) -> None:
        pass


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "PAUSE", (0.0, 0.0))


def client(reports: list[str], *answers: tuple[int, bytes] | Exception) -> Caller:
    return Caller(Script(*answers), reports.append, random.Random(1))  # type: ignore[arg-type]


PASSING = [
    NotSent("connection refused"),
    Lost("the server closed the connection"),
    answer(429, "TooManyRequests"),
    answer(503, "ServiceUnavailable"),
    answer(504, "Timeout"),
]


@pytest.mark.parametrize("first", PASSING)
async def test_what_passes_is_tried_again(reports: list[str], first: Any) -> None:
    status, document = await client(reports, first, answer(200)).call("GET", "/x")
    assert (status, document["kind"], reports) == (200, "ConfigMap", [])


@pytest.mark.parametrize(
    "said",
    [
        answer(500, "InternalError"),
        answer(403, "Forbidden"),
        answer(401, "Unauthorized"),
        answer(404, "NotFound"),
        answer(503),
        (503, b"<html>"),
        (200, b"{}"),
        answer(409, "AlreadyExists"),
    ],
)
async def test_anything_else_is_reported(reports: list[str], said: tuple[int, bytes]) -> None:
    with pytest.raises(Refused):
        await client(reports, said).call("POST", "/x", {}, already=(409,))
    assert len(reports) == 1


@pytest.mark.parametrize("first", [Lost("reset"), answer(504, "Timeout")])
async def test_a_second_attempt_may_find_that_the_first_was_done(
    reports: list[str], first: Any
) -> None:
    exists = answer(409, "AlreadyExists")
    status, _ = await client(reports, first, exists).call("POST", "/x", {}, already=(409,))
    assert (status, reports) == (409, [])


@pytest.mark.parametrize("first", [NotSent("refused"), answer(503, "ServiceUnavailable")])
async def test_what_was_certainly_not_done_is_no_excuse(reports: list[str], first: Any) -> None:
    exists = answer(409, "AlreadyExists")
    with pytest.raises(Refused):
        await client(reports, first, exists).call("POST", "/x", {}, already=(409,))
    assert len(reports) == 1


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("The connection to the server 127.0.0.1:1 was refused - did you specify the right", True),
        ("Unable to connect to the server: EOF", True),
        ("Error from server (Timeout): the outcome is unknown", True),
        ("Error from server (InternalError): an error on the server", False),
        ("Error from server (Forbidden): configmaps is forbidden", False),
        ('Error from server (NotFound): configmaps "x" not found', False),
    ],
)
def test_kubectls_words(text: str, passes: bool) -> None:
    assert bool(_PASSING.search(text)) is passes
