"""Sending a snapshot to a follower that needs entries which are no longer in the log.

In: the newest snapshot file, the follower's answers. Out: checksummed pieces within a window.
Every answer says which byte is expected next; if that does not move for a while, everything after
it is sent again. The file is read in small pieces, and the log keeps what follows the snapshot
for as long as the transfer makes headway.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from raftstore.raft.messages import Message
from raftstore.raft.progress import Progress
from raftstore.raft.state import CoreState
from raftstore.raft.stock import Peer

if TYPE_CHECKING:
    from raftstore.snapshot import Reader, SnapshotMeta


class Sending:
    """One transfer: what was sent, what has arrived."""

    __slots__ = ("acked", "meta", "moved_at", "reader", "rest_until", "sent", "sent_at")

    def __init__(self, meta: SnapshotMeta, reader: Reader, now: float) -> None:
        self.meta = meta
        self.reader = reader
        self.sent = 0
        self.acked = 0
        self.moved_at = now  # when an answer last brought news
        self.sent_at = now
        self.rest_until = now  # after a failure: do not hammer

    def go_back(self, offset: int) -> None:
        self.acked = self.sent = offset


class SnapshotSending(CoreState):
    def _send_snapshot(self, peer: Peer, progress: Progress, *, heartbeat: bool) -> bool:
        now = self._clock()
        sending = progress.sending
        if sending is not None and now - sending.moved_at > 10 * self.config.election_max:
            self._snapshot_superseded(peer, progress)
            sending = None
        if sending is None:
            meta = self.snapshots.latest()
            if meta is None or meta.index < progress.since:
                if self.applied_index >= progress.since:
                    self.request_snapshot()  # one that lists the follower
                return False
            reader = self.snapshots.open_transfer(meta)
            sending = progress.sending = Sending(meta, reader, now)
        if sending.sent > sending.acked and now - sending.sent_at > self.config.election_min:
            sending.go_back(sending.acked)
        if now < sending.rest_until:
            return False
        latest = self.snapshots.latest()
        if sending.sent == 0 and latest is not None and latest.index != sending.meta.index:
            sending.reader.close()  # nothing arrived yet, and there is a newer one
            reader = self.snapshots.open_transfer(latest)
            sending = progress.sending = Sending(latest, reader, now)
        return self._send_pieces(peer, sending, now)

    def _send_pieces(self, peer: Peer, sending: Sending, now: float) -> bool:
        meta, size = sending.meta, self.config.transfer_chunk
        end = min(meta.size, sending.acked + self.config.transfer_window * size)
        sent = False
        while sending.sent < end:
            data = sending.reader.read_at(sending.sent, min(size, end - sending.sent))
            self._tell(
                peer,
                "snapshot_chunk",
                term=self.term,
                meta=(*meta[:3], tuple([tuple(m) for m in meta.members]), *meta[4:]),
                offset=sending.sent,
                data=data,
                crc=zlib.crc32(data),
                round=self._read_round(),
            )
            sending.sent += len(data)
            sending.sent_at = now
            sent = True
        return sent

    def _on_snapshot_reply(self, peer: Peer, message: Message) -> None:
        if not self._is_answer_to_us(peer, message):
            return
        progress = self._progress_of(peer)
        sending = progress.sending
        if sending is None or sending.meta.index != message["index"]:
            return
        now = self._clock()
        if message["failed"]:
            # Defect 7: what was not installed is not counted. Begin again after a while, with
            # another file if there can be one: this one may be damaged on our disk.
            self.request_snapshot()
            sending.go_back(0)
            sending.rest_until = sending.moved_at = now + self.config.election_max
            return
        offset = min(message["offset"], sending.meta.size)
        if offset > sending.acked:
            sending.acked = offset
            sending.sent = max(sending.sent, offset)
            sending.moved_at = sending.sent_at = now
        elif offset < sending.acked:
            sending.go_back(offset)  # the follower has started again
        elif offset == sending.meta.size:
            sending.moved_at = now  # it is verifying and loading

    def _snapshot_superseded(self, _peer: Peer, progress: Progress) -> None:
        if progress.sending is not None:
            progress.sending.reader.close()
            progress.sending = None
            progress.restart(max(progress.match + 1, self.wal.base[0] + 1))

    def _drop_transfers(self) -> None:
        """Leadership is over."""
        for progress in self._progress.values():
            if progress.sending is not None:
                progress.sending.reader.close()
                progress.sending = None

    def _needed_by_transfers(self, index: int) -> int:
        """How far the log may be trimmed although snapshots are on their way."""
        sendings = [p.sending for p in self._progress.values() if p.sending is not None]
        return min([index, *(sending.meta.index for sending in sendings)])
