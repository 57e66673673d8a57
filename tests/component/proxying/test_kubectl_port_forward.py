"""kubectl port-forward, with HTTP requests through it."""

from __future__ import annotations

from fake_pod import fetch, web_server
from proxying_world import World, read_line


async def test_port_forward(world: World) -> None:
    async with web_server() as port:
        process = await world.start("port-forward", "pod/web", f":{port}")
        assert process.stdout is not None
        line = await read_line(process.stdout)
        assert line.startswith("Forwarding from 127.0.0.1:"), line
        local = int(line.split("127.0.0.1:")[1].split(" ")[0])
        for path in ("/one", "/two"):
            assert (await fetch(local, path)).startswith(f"GET {path}\n")
        process.terminate()
        await process.wait()
    asked = world.kubelet.seen[-1]
    assert asked.path == "/portForward/default/web"
    assert asked.headers["sec-websocket-protocol"] == "SPDY/3.1+portforward.k8s.io"
    await world.kubelet.until_closed()
