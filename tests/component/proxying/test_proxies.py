"""pods/proxy, services/proxy and nodes/proxy, from the client's and from the backend's side."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import h11
import pytest
import trio
from fake_pod import outer_address, web_server
from proxying_world import PATIENCE, PODS, World, read_answer, read_line

SERVICES = "/api/v1/namespaces/default/services"
ENDPOINTS = "/api/v1/namespaces/default/endpoints"


@pytest.fixture
async def port(world: World) -> AsyncIterator[int]:
    """A web server behind the pod `www`."""
    address = outer_address()
    if address.startswith("127."):
        pytest.skip("this machine has only loopback addresses")
    async with web_server(address) as port:
        await world.add_pod("www", ip=address, ports=(port,))
        yield port


async def add_service(world: World, port: int, *, pod: str = "www", ip: str = "") -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "www"},
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": port}]},
    }
    await world.create(SERVICES, service, {})
    address: dict[str, Any] = {
        "ip": ip or outer_address(),
        "targetRef": {"kind": "Pod", "namespace": "default", "name": pod},
    }
    endpoints = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "www"},
        "subsets": [{"addresses": [address], "ports": [{"name": "http", "port": port}]}],
    }
    await world.create(ENDPOINTS, endpoints, {})


async def test_a_pod_answers(world: World, port: int) -> None:
    answer = await world.get(f"{PODS}/www:{port}/proxy/a%20b/c?x=1&timeout=soon&watch=1")
    lines = answer.body.decode().split("\n")
    assert answer.status == 200
    assert lines[0] == "GET /a%20b/c?x=1&timeout=soon&watch=1"
    assert f"x-forwarded-uri: {PODS}/www:{port}/proxy/a b/c" in lines
    assert "x-forwarded-for: 127.0.0.1" in lines
    assert "host: kapi" in lines
    # without a port it is the pod's first one, with a scheme it says so itself
    for name in ("www", f"http:www:{port}"):
        assert (await world.get(f"{PODS}/{name}/proxy/")).body.startswith(b"GET /\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_all_methods_and_bodies_pass(world: World, port: int, method: str) -> None:
    answer = await world.ask(method, f"{PODS}/www/proxy/x", b"body" * 1000)
    assert answer.body.startswith(method.encode() + b" /x\n")
    assert answer.body.endswith(b"body" * 1000)


async def test_a_large_upload_passes(world: World, port: int) -> None:
    answer = await world.ask("POST", f"{PODS}/www/proxy/x", b"x" * 8_000_000)
    assert answer.status == 200
    assert len(answer.body) > 8_000_000


async def test_head_has_the_length_and_no_body(world: World, port: int) -> None:
    path = f"{PODS}/www/proxy/page"
    assert (await world.ask("HEAD", f"{PODS}/www/proxy/x")).status == 200
    assert int((await world.ask("HEAD", path)).headers["content-length"]) > 0


async def test_the_root_has_a_slash(world: World, port: int) -> None:
    answer = await world.get(f"{PODS}/www/proxy?a=1")
    assert (answer.status, answer.headers["location"]) == (301, f"{PODS}/www/proxy/?a=1")


async def test_links_stay_in_the_proxy(world: World, port: int) -> None:
    moved = await world.get(f"{PODS}/www/proxy/moved")
    assert (moved.status, moved.headers["location"]) == (302, f"{PODS}/www/proxy/new")
    page = (await world.get(f"{PODS}/www/proxy/page")).body.decode()
    assert f'href="{PODS}/www/proxy/list?a=1"' in page
    assert 'href="next"' in page
    assert 'src="http://x.example/i"' in page
    packed = await world.get(f"{PODS}/www/proxy/packed", {"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body).decode() == page


async def test_an_answer_that_breaks_off_is_seen_to(world: World, port: int) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        await world.get(f"{PODS}/www/proxy/cut")
    broken = await world.get(f"{PODS}/www/proxy/broken")
    assert broken.status == 503
    assert broken.message.startswith("error trying to reach service: malformed HTTP response")


async def test_nobody_listens(world: World, port: int) -> None:
    await world.add_pod("dead", ip=outer_address(), ports=(1,))
    answer = await world.get(f"{PODS}/dead/proxy/")
    assert (answer.status, answer.message) == (
        503,
        f"error trying to reach service: dial tcp {outer_address()}:1: connect: connection refused",
    )


async def test_an_upgrade_passes(world: World, port: int) -> None:
    path = f"{PODS}/www/proxy/echo"
    stream = await world.connect()
    fields = [("host", "kapi"), ("connection", "upgrade"), ("upgrade", "echo")]
    http = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=path, headers=fields)
    await stream.send_all((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
    with trio.fail_after(PATIENCE):
        answer = await read_answer(stream, http)
        assert (answer.status, answer.headers["upgrade"]) == (101, "echo")
        got = http.trailing_data[0]
        while data := await stream.receive_some(100):
            got += data
    assert got == b"hi"


async def test_kubectl_reaches_a_service(world: World, port: int) -> None:
    await add_service(world, port)
    for name in ("www:80", "www:http", "http:www:http"):
        said = await world.run("get", "--raw", f"{SERVICES}/{name}/proxy/hello")
        assert said.startswith("GET /hello\n")
    refused = await world.run("get", "--raw", f"{SERVICES}/www:81/proxy/", status=1)
    assert 'no service port 81 found for service "www"' in refused
    refused = await world.run("get", "--raw", f"{SERVICES}/www:other/proxy/", status=1)
    assert 'no endpoints available for service "www:other"' in refused
    assert (await world.get(f"{SERVICES}/none/proxy/")).status == 404
    assert (await world.get(f"{SERVICES}/ftp:www:80/proxy/")).status == 400


async def test_kubectl_proxy(world: World, port: int) -> None:
    await add_service(world, port)
    process = await world.start("proxy", "--port=0")
    assert process.stdout is not None
    line = await read_line(process.stdout)
    local = int(line.rsplit(":", 1)[1])
    with trio.fail_after(PATIENCE):
        async with await trio.open_tcp_stream("127.0.0.1", local) as stream:
            http = h11.Connection(h11.CLIENT)
            target = f"{SERVICES}/www:http/proxy/page"
            request = h11.Request(method="GET", target=target, headers=[("host", "localhost")])
            await stream.send_all(http.send(request) or b"")
            await stream.send_all(http.send(h11.EndOfMessage()) or b"")
            answer = await read_answer(stream, http)
    process.terminate()
    await process.wait()
    assert answer.status == 200
    assert f"{SERVICES}/www:http/proxy/list?a=1".encode() in answer.body


async def test_endpoints_that_are_no_pods_are_not_followed(world: World, port: int) -> None:
    """Whoever may write Endpoints must not reach the network of the server with them."""
    await add_service(world, port, pod="web")
    answer = await world.get(f"{SERVICES}/www:http/proxy/")
    assert (answer.status, answer.message) == (
        503,
        'no endpoints available for service "www:http"',
    )


async def test_a_node_answers(world: World, port: int) -> None:
    outer = [{"type": "InternalIP", "address": outer_address()}]
    await world.add_node("outer", addresses=outer)
    answer = await world.get(f"/api/v1/nodes/outer:{port}/proxy/stats?a=1")
    assert answer.body.startswith(b"GET /stats?a=1\n")
    assert (await world.get("/api/v1/nodes/none/proxy/")).status == 404
