"""What the log does about damage: a torn tail is cut, anything else refuses to start."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from walkit import SEGMENT, View, entries, log_of_three_segments, open_wal, segments, view

from raftstore.disk import RealDisk, read_all
from raftstore.errors import CorruptLog, NewerFormat, StorageError
from raftstore.sim.disk import FaultyDisk
from raftstore.wal import Wal
from raftstore.wal import format as fmt


def frame_bounds(data: bytes) -> tuple[int, list[tuple[int, int]]]:
    """Where the header ends, and (start, end) of every frame."""
    _, offset = fmt.decode_segment_header(data, "test")
    seed = fmt.frame_seed(data[:offset])
    header_end, bounds = offset, []
    while (frame := fmt.decode_frame(seed, data, offset)) is not None:
        bounds.append((offset, frame.end))
        offset = frame.end
    return header_end, bounds


def overwrite(disk: FaultyDisk, path: str, data: bytes) -> None:
    file = disk.open(path, create=True)
    file.pwrite(data, 0)
    file.fdatasync()
    disk.fsync_dir("/node/wal")


def short_log() -> tuple[FaultyDisk, list[View]]:
    """Three batches in one segment, and the views after each."""
    disk = FaultyDisk()
    wal = open_wal(disk)
    views = []
    for first in (1, 3, 5):
        wal.append(entries(first, 2))
        wal.set_hard_state(first, "n2")
        wal.sync()
        views.append(view(wal))
    return disk, views


def test_a_tail_torn_at_any_byte_is_cut_and_the_log_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk, views = short_log()
    path = segments(disk)[0]
    whole = read_all(disk, path)
    start, end = frame_bounds(whole)[1][-1]
    for cut in range(start, end):
        for torn in (
            whole[:cut] + bytes(len(whole) - cut),  # the rest never arrived
            whole[:start] + bytes(cut - start + 1) + whole[cut + 1 :],  # the beginning never did
        ):
            overwrite(disk, path, torn)
            caplog.clear()
            wal = open_wal(disk)
            assert view(wal) == views[1]
            if torn[start:].strip(b"\0"):
                assert caplog.records[0].levelno == logging.WARNING
                assert caplog.records[0].name == "raftstore.wal"
                assert "torn tail" in caplog.text
                assert caplog.records[0].__dict__["offset"] == start
            wal.append(entries(5, 2, size=10))
            wal.sync()
            expected = view(wal)
            disk.crash()
            caplog.clear()
            assert view(open_wal(disk)) == expected
            assert not caplog.records  # the cut was durable


def test_a_byte_flipped_anywhere_never_goes_unnoticed() -> None:
    disk = log_of_three_segments()
    expected = view(open_wal(disk))
    paths = segments(disk)
    *_, (last_start, last_end) = frame_bounds(read_all(disk, paths[-1]))[1]
    for path in paths:
        whole = read_all(disk, path)
        used = len(whole.rstrip(b"\0"))
        for offset in range(used):
            overwrite(disk, path, whole)
            disk.damage(path, offset, 1 << (offset % 8))
            if path == paths[-1] and last_start <= offset < last_end:
                # Not told from a torn write: only this batch may go.
                found = view(open_wal(disk))
                assert found.entries == expected.entries[:-3]
                assert found.term_state == expected.term_state
                continue
            if path != paths[-1] and offset >= frame_bounds(whole)[1][-1][0]:
                # The seal: it only says that a later segment exists, and one does.
                assert view(open_wal(disk)) == expected
                continue
            with pytest.raises((CorruptLog, NewerFormat)):
                open_wal(disk)
        overwrite(disk, path, whole)
    assert view(open_wal(disk)) == expected


def test_the_message_tells_how_to_rebuild_the_node() -> None:
    disk = log_of_three_segments()
    disk.damage(segments(disk)[0], 200)
    with pytest.raises(CorruptLog) as caught:
        open_wal(disk)
    text = str(caught.value)
    for word in ("stop the node", "move its data directory away", "join", "snapshot"):
        assert word in text
    assert segments(disk)[0] in text


def test_damage_to_the_last_batch_is_noticed_after_a_clean_close() -> None:
    disk, _ = short_log()
    open_wal(disk).close()
    start, _ = frame_bounds(read_all(disk, segments(disk)[0]))[1][-2]
    disk.damage(segments(disk)[0], start + 30)
    with pytest.raises(CorruptLog, match="is intact"):
        open_wal(disk)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_missing_segment_is_noticed(which: int) -> None:
    disk = log_of_three_segments()
    disk.unlink(segments(disk)[which])
    with pytest.raises(CorruptLog, match=r"missing|damaged"):
        open_wal(disk)


def test_a_seal_that_was_torn_is_written_again() -> None:
    disk = log_of_three_segments()
    *_, previous, last = segments(disk)
    disk.damage(previous, frame_bounds(read_all(disk, previous))[1][-1][0])
    assert open_wal(disk).last_index == 90
    disk.unlink(last)
    with pytest.raises(CorruptLog, match="missing"):
        open_wal(disk)


def test_a_truncated_segment_is_noticed() -> None:
    disk = log_of_three_segments()
    for path in segments(disk):
        whole = read_all(disk, path)
        for length in (0, 5, 19, 60, 1000, SEGMENT - 1):
            overwrite(disk, path, whole[:length])
            with pytest.raises(CorruptLog):
                open_wal(disk)
        overwrite(disk, path, whole)
    assert open_wal(disk).last_index == 90


def test_a_log_that_is_gone_is_not_taken_for_a_new_node() -> None:
    with pytest.raises(CorruptLog, match="there is no log"):
        Wal.open(FaultyDisk(), "/node/wal", must_exist=True)


def test_a_newer_format_is_refused_by_name() -> None:
    disk, _ = short_log()
    path = segments(disk)[0]
    whole = read_all(disk, path)
    header, end = fmt.decode_segment_header(whole, path)
    newer = fmt.encode_header(fmt.SEGMENT_MAGIC, fmt.VERSION + 1, header)
    overwrite(disk, path, newer + whole[end:])
    with pytest.raises(NewerFormat, match="format version 2"):
        open_wal(disk)


def test_another_nodes_log_is_refused() -> None:
    disk, _ = short_log()
    with pytest.raises(StorageError, match="belongs to node n1, not to n2"):
        Wal.open(disk, "/node/wal", cluster_id="c1", node_id="n2")
    with pytest.raises(StorageError, match="belongs to cluster c1, not to c2"):
        Wal.open(disk, "/node/wal", cluster_id="c2", node_id="n1")


def test_log_bytes_stored_as_a_value_are_not_taken_for_frames() -> None:
    disk, views = short_log()
    path = segments(disk)[0]
    stored = read_all(disk, path)
    wal = open_wal(disk, segment_bytes=SEGMENT)
    wal.append([fmt.Entry(7, 9, stored[:600])])
    wal.sync()
    whole = read_all(disk, path)
    start, end = frame_bounds(whole)[1][-1]
    overwrite(disk, path, whole[: end - 1] + b"\0" + whole[end:])
    # Old frames inside the torn one are a copy of this very log, but of frames before it.
    assert start > 0
    assert view(open_wal(disk)).entries == views[-1].entries


def test_on_a_real_disk_a_torn_tail_is_cut_and_damage_is_refused(tmp_path: Path) -> None:
    disk = RealDisk()
    directory = tmp_path / "a"
    wal = Wal.open(disk, str(directory), segment_bytes=SEGMENT)
    for first in range(1, 61, 3):
        wal.append(entries(first, 3))
        wal.sync()
    files = sorted(directory.glob("*.log"))
    bounds = frame_bounds(files[-1].read_bytes())[1]
    start, end = bounds[-1]
    for case, cut in enumerate((start, start + 1, start + 19, start + 21, end - 1)):
        copy = tmp_path / f"torn{case}"
        shutil.copytree(directory, copy)
        data = files[-1].read_bytes()
        (copy / files[-1].name).write_bytes(data[:cut] + bytes(len(data) - cut))
        again = Wal.open(disk, str(copy), segment_bytes=SEGMENT)
        assert again.last_index == 57
        again.append(entries(58, 1))
        again.sync()
        again.close()
        assert Wal.open(disk, str(copy), segment_bytes=SEGMENT).last_index == 58
    damaged = bytearray(files[-1].read_bytes())
    damaged[bounds[1][0] + 25] ^= 1
    files[-1].write_bytes(damaged)
    with pytest.raises(CorruptLog):
        Wal.open(disk, str(directory), segment_bytes=SEGMENT)
