"""Kubelets that only know SPDY, and clients that only know it: both still work."""

from __future__ import annotations

import pytest
from fake_pod import fetch, web_server
from proxying_world import World, read_line

OLD_CLIENT = {
    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false",
    "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false",
}
NEW_CLIENT: dict[str, str] = {}


@pytest.fixture(params=["translated", "passed"])
async def environment(request: pytest.FixtureRequest, world: World) -> dict[str, str]:
    """An old kubelet under a new client, and an old client."""
    await world.add_node("old", declaredFeatures=[])
    await world.add_pod("p", node="old")
    return NEW_CLIENT if request.param == "translated" else OLD_CLIENT


async def test_exec(world: World, environment: dict[str, str]) -> None:
    said = await world.run("exec", "p", "--", "echo", "hello", environment=environment)
    assert said == "hello\n"
    asked = world.kubelet.seen[-1]
    assert (asked.method, asked.headers["upgrade"].lower()) == ("POST", "spdy/3.1")
    command = ("exec", "p", "--", "sh", "-c", "echo wrong >&2; exit 3")
    said = await world.run(*command, status=3, environment=environment)
    assert said.startswith("wrong\n")


async def test_exec_with_input_and_output(world: World, environment: dict[str, str]) -> None:
    data = b"0123456789abcde\n" * 50_000
    said = await world.run("exec", "-i", "p", "--", "cat", stdin=data, environment=environment)
    assert said.encode() == data
    await world.kubelet.until_closed()


async def test_attach(world: World, environment: dict[str, str]) -> None:
    said = await world.run("attach", "-i", "p", stdin=b"ping\n", environment=environment)
    assert "heard ping\n" in said


async def test_port_forward(world: World, environment: dict[str, str]) -> None:
    async with web_server() as port:
        process = await world.start("port-forward", "pod/p", f":{port}", environment=environment)
        assert process.stdout is not None
        line = await read_line(process.stdout)
        local = int(line.split("127.0.0.1:")[1].split(" ")[0])
        for path in ("/one", "/two"):
            assert (await fetch(local, path)).startswith(f"GET {path}\n")
        process.terminate()
        await process.wait()
    assert world.kubelet.seen[-1].headers["upgrade"].lower() == "spdy/3.1"
    await world.kubelet.until_closed()
