"""One live connection to one member: a bounded queue out, checked messages in.

`send` encodes and queues; `flush` writes what the kernel takes, at once and without a task switch
(this is on the path of every commit); a task takes over when the kernel is full. Messages arrive
at the other end in order or the link ends: there is no other kind of loss. A link ends when the
peer breaks the protocol, takes nothing, says nothing (both sides ping), or when its queue is full:
Raft repeats what was lost, so dropping is cheaper than holding memory for a peer that is stuck.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from raftstore.errors import TransportError
from raftstore.transport.frames import FrameDecoder, Message, encode_frame
from raftstore.transport.limits import TransportLimits
from raftstore.transport.schema import Schema, check_message
from raftstore.transport.stream import PeerStream

_PING_MESSAGE = {"type": "ping"}
_PING = encode_frame(_PING_MESSAGE)


class Link:
    def __init__(
        self,
        stream: PeerStream,
        *,
        peer_id: str,
        boot: bytes,
        dialled_by: str,
        schema: Schema,
        limits: TransportLimits,
        decoder: FrameDecoder,
        on_messages: Callable[[str, list[Message]], None],
        on_received: Callable[[], None],
    ) -> None:
        self.peer_id = peer_id
        self.boot = boot
        self.dialled_by = dialled_by
        self.ended: str | None = None  # why, once it is over
        self._stream = stream
        self._schema = schema
        self._limits = limits
        self._decoder = decoder
        self._on_messages = on_messages
        self._on_received = on_received
        self._queue: list[bytes] = []
        self._queued = 0
        self._unsent = memoryview(b"")
        self._stuck = trio.Event()  # set: the writer task owns the rest
        self._last_sent = self._last_heard = trio.current_time()

    @property
    def queued_bytes(self) -> int:
        return self._queued + len(self._unsent)

    def send(self, message: Message) -> bool:
        """Queue one message; False if the link is over (or ends now, because the queue is full)."""
        if self.ended is not None:
            return False
        frame = encode_frame(message)
        if self.queued_bytes + len(frame) > self._limits.max_queue:
            self.close(f"{self.queued_bytes} bytes are queued and the peer takes none")
            return False
        self._queue.append(frame)
        self._queued += len(frame)
        return True

    def flush(self) -> None:
        if self.ended is None and not self._stuck.is_set():
            self._write()

    def close(self, reason: str) -> None:
        if self.ended is None:
            self.ended = reason
            self._queue.clear()
            self._queued = 0
            self._unsent = memoryview(b"")
            self._stream.close()
            self._stuck.set()

    async def run(self, early: list[Message]) -> None:
        """Until the link is over. `early` came together with the hello."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._writer)
                nursery.start_soon(self._watchdog, nursery.cancel_scope)
                self._deliver(early)
                await self._reader()
                nursery.cancel_scope.cancel()
        finally:
            self.close("the node is stopping")

    async def _reader(self) -> None:
        while self.ended is None:
            try:
                data = await self._stream.receive_some()
            except (OSError, trio.ClosedResourceError) as error:
                self.close(f"{error}" or type(error).__name__)
                return
            if not data:
                self.close("the peer closed the connection")
                return
            self._last_heard = trio.current_time()
            try:
                messages = self._decoder.feed(data)
            except TransportError as error:
                self.close(str(error))
                return
            self._deliver(messages)

    def _deliver(self, messages: list[Message]) -> None:
        if messages and messages[0] == _PING_MESSAGE:
            messages = [message for message in messages if message != _PING_MESSAGE]
        if not messages:
            return
        try:
            for message in messages:
                check_message(self._schema, message)
            self._on_messages(self.peer_id, messages)
        except TransportError as error:
            self.close(str(error))
            return
        # Outside of the handler above: what comes of the messages is not this link's fault.
        self._on_received()

    def _write(self) -> None:
        """Write until everything is gone or the kernel is full."""
        try:
            while self._unsent or self._queue:
                if not self._unsent:
                    queue = self._queue
                    self._unsent = memoryview(queue[0] if len(queue) == 1 else b"".join(queue))
                    queue.clear()
                    self._queued = 0
                sent = self._stream.write_now(self._unsent)
                if not sent:
                    self._stuck.set()
                    return
                self._unsent = self._unsent[sent:]
                self._last_sent = trio.current_time()
        except OSError as error:
            self.close(f"{error}" or type(error).__name__)

    async def _writer(self) -> None:
        while self.ended is None:
            await self._stuck.wait()
            try:
                while self.queued_bytes:
                    with trio.fail_after(self._limits.send_timeout):
                        await self._stream.wait_writable()
                    self._write()
            except trio.TooSlowError:
                self.close(f"the peer took nothing for {self._limits.send_timeout} s")
            except (OSError, trio.ClosedResourceError) as error:
                self.close(f"{error}" or type(error).__name__)
            if self.ended is None:
                self._stuck = trio.Event()

    async def _watchdog(self, scope: trio.CancelScope) -> None:
        interval = self._limits.ping_interval
        while self.ended is None:
            await trio.sleep(interval / 2)
            now = trio.current_time()
            if now - self._last_heard > self._limits.idle_timeout:
                self.close(f"nothing heard for {self._limits.idle_timeout} s")
            elif now - self._last_sent > interval and not self.queued_bytes:
                self._queue.append(_PING)
                self._queued += len(_PING)
                self.flush()
        scope.cancel()
