"""The order of the stages, what happens when one refuses or fails, and what every answer has."""

from __future__ import annotations

import logging

import orjson
import pytest
import trio
import trio.testing

from kapiserver.api.paths import Paths
from kapiserver.errors import Forbidden, TooManyRequests
from kapiserver.pipeline.context import RequestContext, warning_header
from kapiserver.pipeline.dispatcher import PipelineDispatcher
from kapiserver.pipeline.request_info import parse
from kapiserver.request import Connection, Request, Response


class Recorder:
    """A stage that writes down what is done to it."""

    def __init__(self, name: str, log: list[str], *, waits: bool = False, fails: bool = False):
        self.name, self.log, self.waits, self.fails = name, log, waits, fails

    def check(self, context: RequestContext) -> bool:
        if self.fails:
            raise Forbidden("no")
        self.log.append(self.name)
        return not self.waits

    async def wait(self, context: RequestContext) -> None:
        await trio.lowlevel.checkpoint()
        self.log.append(f"{self.name} waited")

    def done(self, context: RequestContext, response: Response | None) -> None:
        self.log.append(f"{self.name} done {response.status if response else None}")


class Resources:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.slow = False

    def answer_now(self, context: RequestContext) -> Response | None:
        return None

    async def answer(self, context: RequestContext) -> Response:
        if self.slow:
            await trio.sleep_forever()
        if self.error is not None:
            raise self.error
        context.warn("careful")
        context.warn("careful")
        return Response(200, [], b"{}")


def request(path: str, method: str = "GET", query: bytes = b"") -> Request:
    return Request(method, path, query, [], Connection(None, None, None), "2", None)


def dispatcher(stages: list[Recorder], resources: Resources) -> PipelineDispatcher:
    handlers = {"healthz": lambda context: Response(200, [], b"ok")}
    return PipelineDispatcher(stages, resources, Paths(handlers, lambda: ["/healthz"]))


async def test_stages_are_passed_in_order_and_left_in_reverse() -> None:
    log: list[str] = []
    made = dispatcher([Recorder("a", log), Recorder("b", log)], Resources())
    assert (await made.handle(request("/api/v1/pods"))).status == 200
    assert log == ["a", "b", "b done 200", "a done 200"]


async def test_a_refusal_ends_the_way_and_the_passed_stages_hear_of_it() -> None:
    log: list[str] = []
    stages = [Recorder("a", log), Recorder("b", log, fails=True), Recorder("c", log)]
    response = await dispatcher(stages, Resources()).handle(request("/api/v1/pods"))
    assert response.status == 403
    assert log == ["a", "a done 403"]


async def test_fast_gives_up_where_a_stage_has_to_wait_and_handle_waits() -> None:
    log: list[str] = []
    made = dispatcher([Recorder("a", log), Recorder("b", log, waits=True)], Resources())
    assert made.fast(request("/healthz")) is None
    assert log == ["a", "b", "a done None"]
    log.clear()
    assert (await made.handle(request("/healthz"))).status == 200
    assert log == ["a", "b", "b waited", "b done 200", "a done 200"]


def test_fast_answers_what_needs_no_waiting() -> None:
    made = dispatcher([], Resources())
    response = made.fast(request("/healthz"))
    assert response is not None
    assert response.body == b"ok"
    assert made.fast(request("/api/v1/pods")) is None
    assert made.fast(request("/healthz", "POST")) is None


async def test_a_bug_costs_one_request_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    resources = Resources()
    resources.error = ZeroDivisionError("oops")
    with caplog.at_level(logging.ERROR):
        response = await dispatcher([], resources).handle(request("/api/v1/pods"))
    assert response.status == 500
    assert b"oops" not in bytes(response.body)  # type: ignore[arg-type]
    assert "GET /api/v1/pods" in caplog.text


async def test_a_request_has_a_deadline(autojump_clock: trio.testing.MockClock) -> None:
    resources = Resources()
    resources.slow = True
    made = dispatcher([], resources)
    started = trio.current_time()
    response = await made.handle(request("/api/v1/pods", query=b"timeout=5s"))
    assert response.status == 504
    assert isinstance(response.body, bytes)
    assert orjson.loads(response.body)["message"] == (
        "Timeout: request did not complete within the allotted timeout"
    )
    write = await made.handle(request("/api/v1/pods", "POST", b"timeout=0.001s"))
    assert b"its outcome is unknown" in bytes(write.body)  # type: ignore[arg-type]
    assert trio.current_time() - started == pytest.approx(5.001)
    assert (await made.handle(request("/api/v1/pods"))).status == 504
    assert trio.current_time() - started == pytest.approx(65.001)
    assert (await made.handle(request("/api/v1/pods", query=b"timeout=soon"))).status == 400


async def test_warnings_retry_hints_and_audit_ids_are_headers() -> None:
    resources = Resources()
    made = dispatcher([], resources)
    headers = dict((await made.handle(request("/api/v1/pods"))).headers)
    assert headers[b"warning"] == b'299 - "careful"'
    assert len(headers[b"audit-id"]) == 36
    resources.error = TooManyRequests("later", retry_after=7)
    headers = dict((await made.handle(request("/api/v1/pods"))).headers)
    assert headers[b"retry-after"] == b"7"


def test_warning_texts_cannot_break_out_of_their_header() -> None:
    assert warning_header('a "b" \\ c\r\nEvil: 1') == b'299 - "a \\"b\\" \\\\ c  Evil: 1"'


def test_warnings_are_cut_from_the_first_that_does_not_fit() -> None:
    context = RequestContext(request("/"), parse("GET", "/"))
    long = ["a" * 3000, "b" * 1000]
    for text in (*long, long[0]):
        context.warn(text)
    assert context.warnings == long
    for text in ("c" * 200, "d" * 300):
        context.warn(text)
    assert context.warnings == ["a" * 256, "b" * 256, "c" * 200, "d" * 256]
    for number in range(100):
        context.warn(f"{number:03d}" * 100)
    assert sum(map(len, context.warnings)) == 4096 + 256 - 56
    short = RequestContext(request("/"), parse("GET", "/"))
    for number in range(60):
        short.warn(f"{number:0100d}")
    # none is long: what had been told is told still
    assert len(short.warnings) == 41
