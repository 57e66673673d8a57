"""The work queue: once each, never twice at a time, later after a failure."""

from __future__ import annotations

import trio
import trio.testing

from kapiserver.controllers.garbage_collector.queue import LAST_RETRY_SECONDS, WorkQueue


async def taken(queue: WorkQueue[str]) -> str | None:
    """The next item if one is ready now."""
    with trio.move_on_after(0) as limit:
        return await queue.take()
    assert limit.cancelled_caught
    return None


async def test_an_item_is_there_once_and_in_order(autojump_clock: trio.testing.MockClock) -> None:
    queue: WorkQueue[str] = WorkQueue()
    for item in ("a", "b", "a"):
        queue.add(item)
    assert [await taken(queue) for _ in range(3)] == ["a", "b", None]


async def test_what_comes_while_it_is_worked_on_is_done_afterwards(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.take()
    queue.add("a")
    assert await taken(queue) is None
    queue.done("a")
    assert await taken(queue) == "a"
    queue.done("a")
    assert await taken(queue) is None


async def test_failures_wait_longer_each_time(autojump_clock: trio.testing.MockClock) -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    waits = []
    for _ in range(40):
        start = trio.current_time()
        assert await queue.take() == "a"
        waits.append(round(trio.current_time() - start, 6))
        queue.retry("a")
    assert waits[1:] == sorted(waits[1:])
    assert waits[2] > waits[1] > 0
    assert max(waits) == LAST_RETRY_SECONDS
    await queue.take()
    queue.done("a")
    queue.add("a")
    await queue.take()
    queue.retry("a")
    start = trio.current_time()
    await queue.take()
    assert round(trio.current_time() - start, 6) == waits[1]  # a success makes up for all


async def test_news_of_a_failed_item_does_not_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.take()
    queue.retry("a")
    queue.add("a")
    assert await taken(queue) == "a"
    queue.done("a")


async def test_waiting_workers_hear_of_new_items(autojump_clock: trio.testing.MockClock) -> None:
    queue: WorkQueue[str] = WorkQueue()
    got: list[str] = []

    async def work() -> None:
        item = await queue.take()
        got.append(item)
        queue.done(item)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        nursery.start_soon(work)
        await trio.testing.wait_all_tasks_blocked()
        queue.add("a")
        queue.add("b")
    assert sorted(got) == ["a", "b"]
