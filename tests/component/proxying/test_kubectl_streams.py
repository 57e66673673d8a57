"""kubectl logs, exec, cp and attach against a kubelet that streams for real."""

from __future__ import annotations

from pathlib import Path

import trio
from proxying_world import World, read_line


async def test_logs(world: World) -> None:
    assert await world.run("logs", "web") == "one\ntwo\n"
    assert await world.run("logs", "web", "--tail=1") == "two\n"
    asked = world.kubelet.seen[-1]
    assert (asked.path, asked.query) == ("/containerLogs/default/web/main", {"tailLines": ["1"]})
    refused = await world.run("logs", "web", "-c", "none", status=1)
    assert "container none is not valid for pod web" in refused


async def test_logs_follow_until_the_container_ends(world: World) -> None:
    process = await world.start("logs", "-f", "web")
    assert process.stdout is not None
    assert [await read_line(process.stdout) for _ in range(2)] == ["one", "two"]
    world.kubelet.say("three")
    assert await read_line(process.stdout) == "three"
    world.kubelet.say("END")
    assert await read_line(process.stdout) == "END"
    with trio.fail_after(20):
        assert await process.wait() == 0


async def test_the_kubelet_is_left_when_the_client_leaves(world: World) -> None:
    process = await world.start("logs", "-f", "web")
    assert process.stdout is not None
    await read_line(process.stdout)
    assert world.kubelet.open == 1
    process.kill()
    await process.wait()
    await world.kubelet.until_closed()


async def test_exec(world: World) -> None:
    assert await world.run("exec", "web", "--", "echo", "a  b", "c") == "a  b c\n"
    asked = world.kubelet.seen[-1]
    assert asked.path == "/exec/default/web/main"
    assert asked.query == {"command": ["echo", "a  b", "c"], "output": ["1"], "error": ["1"]}
    assert asked.headers["sec-websocket-protocol"] == "v5.channel.k8s.io"
    assert asked.early == b""
    await world.kubelet.until_closed()


async def test_exec_tells_the_exit_code_and_stderr(world: World) -> None:
    said = await world.run("exec", "web", "--", "sh", "-c", "echo wrong >&2; exit 7", status=7)
    assert said.startswith("wrong\n")
    assert "command terminated with exit code 7" in said


async def test_exec_with_input(world: World) -> None:
    data = b"0123456789abcdef" * 100_000
    counted = await world.run("exec", "-i", "web", "--", "wc", "-c", stdin=data)
    assert counted.strip() == str(len(data))


async def test_exec_with_much_output(world: World) -> None:
    said = await world.run("exec", "web", "--", "head", "-c", "3000000", "/dev/zero")
    assert said == "\0" * 3_000_000


async def test_exec_without_a_choice_of_container(world: World) -> None:
    await world.add_pod("two", containers=("a", "b"))
    answer = await world.get("/api/v1/namespaces/default/pods/two/exec?command=ls")
    assert (answer.status, answer.message) == (
        400,
        "a container name must be specified for pod two, choose one of: [a b]",
    )


async def test_cp_both_ways(world: World, tmp_path: Path) -> None:
    content = b"\0\1\2" * 50_000
    (tmp_path / "up").write_bytes(content)
    await world.run("cp", str(tmp_path / "up"), f"default/web:{world.kubelet.folder}/there")
    assert (world.kubelet.folder / "there").read_bytes() == content
    await world.run("cp", "default/web:there", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == content


async def test_attach(world: World) -> None:
    said = await world.run("attach", "-i", "web", stdin=b"ping\n")
    assert "hello from the container\n" in said
    assert "heard ping\n" in said
