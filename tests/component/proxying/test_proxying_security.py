"""Promises about what never reaches a backend, and which backends are never reached."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import h11
import trio
from fake_kubelet import FakeKubelet, fake_kubelet
from proxying_world import PATIENCE, PODS, UPGRADE, World, read_answer

EXEC = f"{PODS}/web/exec?command=cat&stdin=true&stdout=true"


def head(path: str, **more: str) -> bytes:
    fields = {"host": "kapi", **UPGRADE, **more}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


def client_state(path: str) -> h11.Connection:
    http = h11.Connection(h11.CLIENT)
    fields = [("host", "kapi"), *UPGRADE.items()]
    http.send(h11.Request(method="GET", target=path, headers=fields))
    http.send(h11.EndOfMessage())
    return http


async def rest_of(stream: trio.abc.Stream) -> bytes:
    got = b""
    with trio.fail_after(PATIENCE):
        while data := await stream.receive_some(65536):
            got += data
    return got


async def test_nothing_follows_an_upgrade_that_was_refused(world: World) -> None:
    """CVE-2018-1002105: what comes behind would be a request with the rights of the server."""
    world.kubelet.refuse = (403, b"not for you")
    stream = await world.connect()
    second = b"GET /pods HTTP/1.1\r\nHost: kapi\r\n\r\n"
    await stream.send_all(head(EXEC) + second)
    http = client_state(EXEC)
    with trio.fail_after(PATIENCE):
        answer = await read_answer(stream, http)
    assert (answer.status, answer.body) == (403, b"not for you")
    await world.kubelet.until_closed()
    assert len(world.kubelet.seen) == 1
    assert world.kubelet.seen[0].early == b""
    assert await rest_of(stream) == b""


async def test_a_redirect_of_an_upgrade_is_an_error(world: World) -> None:
    world.kubelet.refuse = (302, b"elsewhere")
    answer = await world.get(EXEC, UPGRADE)
    assert (answer.status, answer.message) == (500, "invalid upgrade response: status code 302")


async def test_early_bytes_wait_for_the_switch(world: World) -> None:
    stream = await world.connect()
    await stream.send_all(head(EXEC) + b"\x82\x82\x00\x00\x00\x00\x00x")
    asked = await world.kubelet.until(1)
    assert asked.early == b""
    with trio.fail_after(PATIENCE):
        assert (await read_answer(stream, client_state(EXEC))).status == 101
    await trio.aclose_forcefully(stream)
    await world.kubelet.until_closed()


async def test_credentials_stay_here(world: World) -> None:
    more = {
        "authorization": "Bearer secret",
        "x-remote-user": "x",
        "x-kept": "yes",
        "sec-websocket-protocol": "base64url.bearer.authorization.k8s.io.c2Vj, v5.channel.k8s.io",
    }
    stream = await world.connect()
    await stream.send_all(head(EXEC, **more))
    asked = await world.kubelet.until(1)
    assert "authorization" not in asked.headers
    assert "x-remote-user" not in asked.headers
    assert asked.headers["x-kept"] == "yes"
    assert asked.headers["sec-websocket-protocol"] == "v5.channel.k8s.io"
    assert asked.headers["x-forwarded-for"] == "127.0.0.1"
    await trio.aclose_forcefully(stream)
    await world.kubelet.until_closed()


async def test_the_server_is_not_its_own_kubelet(world: World) -> None:
    port = urlsplit(world.server.url).port
    await world.add_node("mirror", daemonEndpoints={"kubeletEndpoint": {"Port": port}})
    await world.add_pod("p", node="mirror")
    answer = await world.get(f"{PODS}/p/log")
    assert (answer.status, answer.message) == (400, "address not allowed")


async def test_loopback_and_link_local_are_not_proxied_to(world: World) -> None:
    answer = await world.get("/api/v1/nodes/node-1/proxy/healthz")
    assert (answer.status, answer.message) == (400, "address not allowed")
    for number, ip in enumerate(("127.0.0.1", "169.254.169.254", "::1", "fe80::1", "0.0.0.0")):
        await world.add_pod(f"p{number}", ip=ip)
        answer = await world.get(f"{PODS}/p{number}/proxy/")
        assert (answer.status, answer.message) == (400, "address not allowed")
    assert not world.kubelet.seen


async def test_a_kubelet_of_another_authority_is_not_trusted(world: World, tmp_path: Path) -> None:
    from kapiserver.pki import Authority

    stranger = Authority.create().server("node-2", ["127.0.0.1"])
    stranger.write(tmp_path / "k.crt", tmp_path / "k.key")
    async with fake_kubelet(tmp_path, tmp_path / "k.crt", tmp_path / "k.key") as other:
        await world.add_node("node-2", daemonEndpoints={"kubeletEndpoint": {"Port": other.port}})
        await world.add_pod("p", node="node-2")
        answer = await world.get(f"{PODS}/p/log")
        assert answer.status == 500
        assert "tls: failed to verify certificate" in answer.message
        assert not other.seen
        unverified = await world.get(f"{PODS}/p/log?insecureSkipTLSVerifyBackend=true")
        assert unverified.body == b"one\ntwo\n"


async def test_a_client_that_leaves_ends_the_command(world: World) -> None:
    stream = await world.connect()
    await stream.send_all(head(EXEC))
    with trio.fail_after(PATIENCE):
        assert (await read_answer(stream, client_state(EXEC))).status == 101
    assert world.kubelet.open == 1
    await trio.aclose_forcefully(stream)
    await world.kubelet.until_closed()


async def test_a_backend_that_dies_ends_the_client(world: World, kubelet: FakeKubelet) -> None:
    path = f"{PODS}/web/exec?command=true&stdout=true"
    stream = await world.connect()
    await stream.send_all(head(path))
    with trio.fail_after(PATIENCE):
        assert (await read_answer(stream, client_state(path))).status == 101
    # the kubelet says that the command has ended, waits for our close frame, and goes
    await rest_of(stream)
    await kubelet.until_closed()


def test_addresses_that_only_this_machine_means() -> None:
    from ipaddress import ip_address

    from kapiserver.proxying.target import is_public

    public = ("10.0.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8", "fd00::1", "2001:db8::1")
    private = ("127.0.0.1", "127.9.9.9", "169.254.1.1", "0.0.0.0", "224.0.0.1", "::1", "::",
               "fe80::1", "ff02::1", "255.255.255.255", "::ffff:127.0.0.1")  # fmt: skip
    assert all(is_public(ip_address(text)) for text in public)
    assert not any(is_public(ip_address(text)) for text in private)
