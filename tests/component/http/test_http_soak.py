"""Many clients that do many things and leave when they like: nothing may be left behind."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest
import trio
import trio.testing
from http_support import PATIENCE, H1Client, H2Client, Server, TestDispatcher, running, still_serves

from kapiserver.request import Frame

CLIENTS = 40
STEPS = 12


async def h1_client(server: Server, rng: random.Random) -> None:
    client = await H1Client.open(server)
    for _ in range(rng.randrange(STEPS)):
        size = rng.choice((0, 1, 1000, 70_000, 400_000))
        if rng.random() < 0.4:
            head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
            await client.send(head + b"e" * size)
            assert (await client.answer()).body == b"e" * size
        else:
            assert len((await client.get(f"/fast?{size}")).body) == size
    if rng.random() < 0.5:
        await client.send(b"GET /watch HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.head()
        await client.chunk()
    await trio.aclose_forcefully(client.stream)


async def h2_client(server: Server, rng: random.Random) -> None:
    client = await H2Client.open(server)
    watches, echoes = [], {}
    for _ in range(rng.randrange(STEPS)):
        kind = rng.randrange(5)
        if kind == 0:
            watches.append(await client.request("/watch"))
        elif kind == 1:
            stream = await client.request("/echo", "POST", end=False)
            parts = [rng.randbytes(rng.choice((1, 500, 16_000))) for _ in range(3)]
            for number, part in enumerate(parts):
                await client.send_data(stream, part, end=number == 2)
            echoes[stream] = b"".join(parts)
        elif kind == 2:
            size = rng.choice((1, 1000, 70_000, 400_000))
            assert len(await client.get(f"/fast?{size}")) == size
        elif kind == 3 and watches:
            client.h2.reset_stream(watches.pop())
            await client.flush()
        else:
            await client.request("/never")
    for stream, expected in echoes.items():
        assert await client.answer(stream) == expected
    for stream in watches:
        await client.until_data(stream, 1)
    await trio.aclose_forcefully(client.stream)


@pytest.mark.parametrize("seed", range(3))
async def test_clients_come_and_go_and_leave_nothing(certificates: Path, seed: int) -> None:
    rng = random.Random(seed)
    dispatcher = TestDispatcher()
    async with running(certificates, dispatcher) as server:
        await still_serves(server)
        await settled(0)
        before = trio.lowlevel.current_statistics().tasks_living
        with trio.fail_after(4 * PATIENCE):
            async with trio.open_nursery() as publisher:

                async def publish() -> None:
                    while True:
                        dispatcher.publish(Frame(b"event\n"))
                        await trio.sleep(0.01)

                publisher.start_soon(publish)
                async with trio.open_nursery() as clients:
                    for _ in range(CLIENTS):
                        run = rng.choice((h1_client, h2_client))
                        clients.start_soon(run, server, random.Random(rng.random()))
                publisher.cancel_scope.cancel()
        await dispatcher.until(lambda: not dispatcher.watchers)
        await settled(before)
        await still_serves(server)


async def settled(tasks: int) -> None:
    """Closed connections need a few turns of the loop to be gone."""
    with trio.move_on_after(PATIENCE):
        while trio.lowlevel.current_statistics().tasks_living > tasks:
            await trio.testing.wait_all_tasks_blocked(0.05)
            if not tasks:
                return
    assert trio.lowlevel.current_statistics().tasks_living <= tasks


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
async def test_curl_uploads_and_downloads(certificates: Path, tmp_path: Path, version: str) -> None:
    data = random.Random(1).randbytes(2_500_000)
    (tmp_path / "upload").write_bytes(data)
    async with running(certificates) as server:
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "20",
            version,
            "--cacert",
            str(certificates / "ca.crt"),
            "--data-binary",
            f"@{tmp_path / 'upload'}",
            f"https://localhost:{server.port}/echo",
            f"https://localhost:{server.port}/echo",
        ]
        result = await trio.run_process(command, capture_stdout=True)
        assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(data + data).digest()
        expected = "2" if version == "--http2" else "1.1"
        assert {request.http_version for request in server.dispatcher.seen} == {expected}
        assert len({id(request.connection) for request in server.dispatcher.seen}) == 1
