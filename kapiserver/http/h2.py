"""HTTP/2 (RFC 9113), the server's side of one connection.

In: bytes of one connection. Out: exchanges, and their frames. All frames that arrived together are
handled before anything is written, so that one write answers many requests. What a client may make
us keep or do is bounded: header blocks, streams, unread bodies, resets and control frames each have
their limit, and breaking one ends the connection with the code that the RFC names.

Hypercorn's H2Protocol is the base for its place in the connection's life; streams, windows and
frames are handled here, because the base loses whole connections over one early answer.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import trio
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack.exceptions import HPACKDecodingError
from hypercorn.events import Event, RawData
from hypercorn.protocol.h2 import H2Protocol as HypercornH2
from hypercorn.trio.task_group import TaskGroup
from hypercorn.typing import ConnectionState

from kapiserver.errors import ApiError
from kapiserver.request import Request, Response

from . import faults, hpack
from . import h2frames as wire
from .h2frames import ConnectionFault, StreamFault, protocol_error, size_error
from .h2head import Head, read_head, refusal
from .h2output import BATCH, H2Output
from .h2reader import SELF_DEPENDENT, FrameReader
from .h2stream import H2Exchange
from .limits import AUTHENTICATED, GZIP_MINIMUM, INLINE_REQUESTS, Budget

if TYPE_CHECKING:
    from .connection import ClientConnection

log = logging.getLogger(__name__)

REMEMBERED_RESETS = 512
LEAVE_DELAY = 1.0
"""Seconds between the two GOAWAYs: streams that the client opened meanwhile are still served."""

_NOT_AUTHENTICATED = 401


class H2Protocol(HypercornH2):
    """The server side of one HTTP/2 connection."""

    def __init__(self, owner: ClientConnection, group: TaskGroup, state: ConnectionState) -> None:
        super().__init__(*owner.hypercorn_arguments(group, state))
        config = owner.front.config
        self.owner = owner
        self.front = owner.front
        self.output = H2Output(owner.transport, config.transport_buffer)
        self.live: dict[int, H2Exchange] = {}
        self.full = False
        self._initial_window = wire.DEFAULT_WINDOW
        self._decoder = hpack.Decoder(config.max_header_bytes)
        self._reader = FrameReader(
            2 * config.max_header_bytes
        )  # above the limit: 431, far above: the end
        self._highest = 0
        self._recv_window = config.connection_window
        self._recv_credit = 0
        self._resets: deque[int] = deque(maxlen=REMEMBERED_RESETS)
        self._reset_budget = Budget(1000, 100.0)
        self._control_budget = Budget(4000, 1000.0)
        self._waiting_since: float | None = trio.current_time()
        self._idle_since = trio.current_time()
        self._inline = 0
        self._stream_limit = min(config.max_streams_unauthenticated, config.max_streams)
        self._authenticated = self._stream_limit == config.max_streams
        self._accepting = True  # False after the final GOAWAY
        self._leaving = False
        self._over = False
        self._settled: trio.Event | None = None

    # Input.

    async def initiate(
        self, headers: list[tuple[bytes, bytes]] | None = None, settings: bytes | None = None
    ) -> None:
        config = self.front.config
        announced = {
            SettingCodes.MAX_CONCURRENT_STREAMS: self._stream_limit,
            SettingCodes.INITIAL_WINDOW_SIZE: config.upload_window,
            SettingCodes.MAX_HEADER_LIST_SIZE: config.max_header_bytes,
        }
        more = config.connection_window - wire.DEFAULT_WINDOW
        self.output.emit(wire.settings(announced))
        self.output.emit(wire.window_update(0, more))
        self.output.flush()

    async def handle(self, event: Event) -> None:
        if not isinstance(event, RawData):
            self._lost()
            return
        if self._over:
            return
        try:
            await self._feed(event.data)
        except ConnectionFault as fault:
            self._fail(fault.code, fault.why)
        except HPACKDecodingError as error:
            self._fail(ErrorCodes.COMPRESSION_ERROR, str(error))

    async def _feed(self, data: bytes) -> None:
        self.output.batching = True
        try:
            for kind, flags, stream, payload in self._reader.feed(data):
                self._frame(kind, flags, stream, payload)
                if self._inline >= INLINE_REQUESTS:
                    self._inline = 0
                    self.output.flush()
                    await trio.lowlevel.checkpoint()
                if self._over:
                    return
        finally:
            self.output.batching = False
            self.output.flush()
        if not self._reader.waiting:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = trio.current_time()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == wire.HEADERS:
            self._headers(stream, flags, payload)
        elif kind == wire.DATA:
            self._data(stream, flags, payload)
        elif kind == wire.WINDOW_UPDATE:
            self._window_update(stream, payload)
        elif kind == wire.RST_STREAM:
            self._rst_stream(stream, payload)
        else:
            if not self._control_budget.spend(trio.current_time()):
                raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "too many control frames")
            if kind == wire.SETTINGS:
                self._settings(stream, flags, payload)
            elif kind == wire.PING:
                self._ping(stream, flags, payload)
            elif kind == wire.GOAWAY:
                if stream or len(payload) < 8:
                    raise protocol_error("malformed GOAWAY")
                self.leave_soon()
            elif kind == wire.PRIORITY:
                self._priority(stream, payload)
            elif kind == wire.PUSH_PROMISE:
                raise protocol_error("clients do not push")
            # Unknown kinds are ignored (section 4.1).

    def _headers(self, stream: int, flags: int, block: bytes) -> None:
        end = bool(flags & wire.END_STREAM)
        too_large = False
        pairs: list[hpack.Pair] = []
        try:
            # Always decoded, wanted or not: the table must stay in step with the client's.
            pairs = self._decoder.decode(block)
        except hpack.HeaderListTooLarge:
            too_large = True
        try:
            if stream <= self._highest:
                self._trailers(stream, end)
                return
            self._highest = stream
            if not self._accepting:
                return  # above the last stream that our GOAWAY promised
            if flags & SELF_DEPENDENT:
                raise StreamFault(ErrorCodes.PROTOCOL_ERROR, "stream depends on itself")
            if self._decoder.malformed:
                raise StreamFault(ErrorCodes.PROTOCOL_ERROR, "malformed header")
            if len(self.live) >= self._stream_limit:
                raise StreamFault(ErrorCodes.REFUSED_STREAM, "too many streams")
            self._request(stream, None if too_large else read_head(pairs), end)
        except StreamFault as fault:
            self._reset(stream, fault.code)

    def _trailers(self, stream: int, end: bool) -> None:
        exchange = self.live.get(stream)
        if exchange is None:
            if stream in self._resets:
                return
            raise ConnectionFault(ErrorCodes.STREAM_CLOSED, "HEADERS on a closed stream")
        if exchange.body_done:
            raise StreamFault(ErrorCodes.STREAM_CLOSED, "HEADERS after the end of the request")
        if not end or self._decoder.malformed:
            raise StreamFault(ErrorCodes.PROTOCOL_ERROR, "trailers that end nothing")
        self._end_of_request(exchange)

    def _request(self, stream: int, head: Head | None, end: bool) -> None:
        exchange = H2Exchange(self, stream, self._initial_window)
        exchange.body_done = end
        error: ApiError | None = None
        facts = self.owner.facts
        if head is None:
            error = faults.HeadersTooLarge("the request's headers are too large")
            exchange.request = Request("GET", "/", b"", (), facts, "2", None)
        else:
            target = head.target or ("/", b"")
            # Without a body the request does not point back here: no garbage cycle per request.
            read_body = None if end else exchange.read_body
            read_chunk = None if end else exchange.read_chunk
            exchange.request = Request(
                head.method, target[0], target[1], head.headers, facts, "2", read_body, read_chunk
            )
            exchange.expects_continue = head.expects_continue
            exchange.expected = head.content_length
            if end and head.content_length:
                raise StreamFault(ErrorCodes.PROTOCOL_ERROR, "body shorter than content-length")
            error = refusal(head, self.front.config)
        self._inline += 1
        response: Response | None = None
        if error is not None:
            response = faults.status_answer(error)
        elif self.front.app.owns(exchange.request.path):
            exchange.runner = self.front.app.run_exchange
        elif end:
            response = faults.answer_now(self.front.dispatcher, exchange.request)
        if response is not None and self._answer_inline(exchange, response):
            return
        self.live[stream] = exchange
        self.owner.nursery.start_soon(exchange.run, response)

    def _answer_inline(self, exchange: H2Exchange, response: Response) -> bool:
        body = response.body
        if (
            response.stream is not None
            or type(body) is not bytes
            or len(body) >= GZIP_MINIMUM
            or len(body) > exchange.window
            or not self.output.takes(len(body))
            or not exchange.body_done
        ):
            return False
        exchange.start(response.status, response.headers, body, end=True, length=len(body))
        if exchange.queued:
            # The headers filled the last room: the rest goes out in the exchange's own task.
            self.live[exchange.sid] = exchange
            self.owner.nursery.start_soon(exchange.run_to_end)
            return True
        exchange.finished()
        self._after_answer(exchange)
        return True

    def _data(self, stream: int, flags: int, payload: bytes) -> None:
        size = len(payload)
        self._recv_window -= size
        if self._recv_window < 0:
            raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "connection window exceeded")
        # The connection's window is given back at once: unread bodies are bounded per stream, and
        # one upload that nobody reads may not stall the others.
        self._recv_credit += size
        if self._recv_credit >= self.front.config.connection_window // 4:
            self.output.emit(wire.window_update(0, self._recv_credit))
            self._recv_window += self._recv_credit
            self._recv_credit = 0
        if not stream or stream > self._highest or not stream & 1:
            raise protocol_error("DATA on an idle stream")
        data = wire.unpad(payload, flags)
        end = bool(flags & wire.END_STREAM)
        if not data and not end and not self._control_budget.spend(trio.current_time()):
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "too many empty frames")
        exchange = self.live.get(stream)
        if exchange is None or exchange.body_done:
            if stream not in self._resets:
                self._reset(stream, ErrorCodes.STREAM_CLOSED)
            return
        exchange.recv_window -= size
        if exchange.recv_window < 0:
            self._reset(stream, ErrorCodes.FLOW_CONTROL_ERROR)
            return
        if len(data) < size:
            exchange.recv_credit += size - len(data)  # padding is never read by anyone
        if exchange.expected is not None:
            exchange.expected -= len(data)
            if exchange.expected < 0:
                self._reset(stream, ErrorCodes.PROTOCOL_ERROR)
                return
        if data:
            exchange.feed(data)
        if end:
            self._end_of_request(exchange)

    def _end_of_request(self, exchange: H2Exchange) -> None:
        if exchange.expected:
            self._reset(exchange.sid, ErrorCodes.PROTOCOL_ERROR)
        else:
            exchange.feed_end()

    def _window_update(self, stream: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise size_error("WINDOW_UPDATE of a wrong size")
        increment = wire.u31(payload)
        if not stream:
            if not increment:
                raise protocol_error("WINDOW_UPDATE of nothing")
            self.output.window += increment
            if self.output.window > wire.MAX_WINDOW:
                raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "window too large")
            self.output.pump_blocked()
            return
        if stream > self._highest:
            raise protocol_error("WINDOW_UPDATE on an idle stream")
        exchange = self.live.get(stream)
        if exchange is None:
            return
        if not increment:
            self._reset(stream, ErrorCodes.PROTOCOL_ERROR)
            return
        exchange.window += increment
        if exchange.window > wire.MAX_WINDOW:
            self._reset(stream, ErrorCodes.FLOW_CONTROL_ERROR)
        elif exchange.queued:
            exchange.pump()

    def _rst_stream(self, stream: int, payload: bytes) -> None:
        if not stream or stream > self._highest:
            raise protocol_error("RST_STREAM on an idle stream")
        if len(payload) != 4:
            raise size_error("RST_STREAM of a wrong size")
        exchange = self.live.get(stream)
        if exchange is not None:
            exchange.disconnect()
        self._spend_reset()

    def _spend_reset(self) -> None:
        """Work that is asked for and thrown away is cheap for the client only (CVE-2023-44487)."""
        if not self._reset_budget.spend(trio.current_time()):
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "too many resets")

    def _settings(self, stream: int, flags: int, payload: bytes) -> None:
        if stream:
            raise protocol_error("SETTINGS on a stream")
        if flags & wire.ACK:
            if payload:
                raise size_error("SETTINGS acknowledgement with a payload")
            return
        for code, value in wire.parse_settings(payload):
            if code == SettingCodes.INITIAL_WINDOW_SIZE:
                self._change_windows(value - self._initial_window)
                self._initial_window = value
            elif code == SettingCodes.MAX_FRAME_SIZE:
                self.output.max_frame = min(value, BATCH)
            elif code == SettingCodes.HEADER_TABLE_SIZE and value < hpack.DEFAULT_TABLE_SIZE:
                self.output.forget_table = True
        self.output.emit(wire.frame(wire.SETTINGS, wire.ACK, 0, b""))
        self.output.pump_blocked()

    def _change_windows(self, change: int) -> None:
        for exchange in self.live.values():
            exchange.window += change
            if exchange.window > wire.MAX_WINDOW:
                raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "window too large")

    def _ping(self, stream: int, flags: int, payload: bytes) -> None:
        if stream:
            raise protocol_error("PING on a stream")
        if len(payload) != 8:
            raise size_error("PING of a wrong size")
        if not flags & wire.ACK:
            self.output.emit(wire.frame(wire.PING, wire.ACK, 0, payload))

    def _priority(self, stream: int, payload: bytes) -> None:
        if not stream:
            raise protocol_error("PRIORITY without a stream")
        if len(payload) != 5:
            self._reset(stream, ErrorCodes.FRAME_SIZE_ERROR)
        elif wire.u31(payload) == stream:
            self._reset(stream, ErrorCodes.PROTOCOL_ERROR)

    # The life of streams and of the connection.

    def _reset(self, stream: int, code: ErrorCodes) -> None:
        """Refuse one stream; its exchange, if there is one, learns that the client is gone."""
        self._spend_reset()
        self.output.emit(wire.rst_stream(stream, code))
        self.remember_reset(stream)
        exchange = self.live.get(stream)
        if exchange is not None:
            exchange.disconnect()
        self.output.flush_unless_batching()

    def remember_reset(self, stream: int) -> None:
        """Frames that the client sent before it heard of the reset are ignored."""
        self._resets.append(stream)

    def answered(self, exchange: H2Exchange) -> None:
        """The exchange's task is done."""
        self.live.pop(exchange.sid, None)
        self.output.blocked.pop(exchange.sid, None)
        if not exchange.body_done and not exchange.gone:
            # An early answer: the client need not send the rest (section 8.1).
            self.output.emit(wire.rst_stream(exchange.sid, ErrorCodes.NO_ERROR))
            self.remember_reset(exchange.sid)
        self._after_answer(exchange)
        if self._settled is not None:
            self._settled.set()
        self.output.flush_unless_batching()

    def _after_answer(self, exchange: H2Exchange) -> None:
        if not self._authenticated:
            if self.owner.facts.memo.get(AUTHENTICATED):
                self._authenticated = True
                self._stream_limit = self.front.config.max_streams
                self.output.emit(
                    wire.settings({SettingCodes.MAX_CONCURRENT_STREAMS: self._stream_limit})
                )
            elif exchange.status == _NOT_AUTHENTICATED:
                self.leave_soon()
        if not self.live:
            self._idle_since = trio.current_time()
            if self._leaving:
                self.leave_soon()

    def _fail(self, code: ErrorCodes, why: str) -> None:
        log.debug("HTTP/2 connection from %s: %s", self.owner.client, why)
        self.output.emit(wire.goaway(self._highest, code, why))
        self.output.flush()
        self._lost()
        self.owner.end(linger=True)

    def _lost(self) -> None:
        self._over = True
        self._accepting = False
        for exchange in list(self.live.values()):
            exchange.disconnect()

    def leave_soon(self) -> None:
        """No new streams; the connection ends with its last one."""
        if self._accepting:
            self._accepting = False
            self._leaving = True
            self.output.emit(wire.goaway(self._highest, ErrorCodes.NO_ERROR))
            self.output.flush_unless_batching()
        if not self.live and not self._over:
            self.owner.end()

    def drain(self) -> None:
        """Section 6.8: first announce, and serve what is on its way; then refuse."""
        if self._leaving or self._over:
            return
        self._leaving = True
        for exchange in list(self.live.values()):
            exchange.leave()
        self.output.emit(wire.goaway(wire.MAX_WINDOW, ErrorCodes.NO_ERROR))
        self.output.flush()
        self.owner.nursery.start_soon(self._leave_later)

    async def _leave_later(self) -> None:
        await trio.sleep(LEAVE_DELAY if self.live else 0)
        self.leave_soon()

    async def wait_not_full(self) -> None:
        """Never full: streams and their bodies are bounded by windows."""

    async def settled(self) -> None:
        while self.live:
            self._settled = trio.Event()
            await self._settled.wait()

    @property
    def idle(self) -> bool:
        return not self.live

    def check(self, now: float) -> None:
        config = self.front.config
        waiting = self._waiting_since
        if waiting is not None and now - waiting > config.header_timeout:
            self._fail(ErrorCodes.PROTOCOL_ERROR, "the client did not finish what it began")
        elif self.idle and now - self._idle_since > config.idle_timeout:
            self.leave_soon()
