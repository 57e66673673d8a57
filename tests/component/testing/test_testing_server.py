"""What `kapiserver.testing` promises: a ready server, its credentials, a reset that leaves nothing,
and nothing left behind."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kapiserver.testing import APIServer, AsyncAPIServer, ServerError
from kapiserver.testing.files import RESET_PATH

MAPS = "/api/v1/namespaces/default/configmaps"
NAMESPACES = "/api/v1/namespaces"
PATIENCE = 20.0


class Client:
    """HTTPS to a test server, over one connection."""

    def __init__(self, server: APIServer) -> None:
        parts = urlsplit(server.url)
        self._connection = http.client.HTTPSConnection(
            str(parts.hostname), parts.port, timeout=PATIENCE, context=server.ssl_context()
        )

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, {"content-type": "application/json"})
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def names(self, path: str) -> list[str]:
        return [item["metadata"]["name"] for item in self("GET", path)[1]["items"]]

    def stream(self, path: str) -> Iterator[Any]:
        """The events of a watch."""
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        for line in response:
            yield json.loads(line)


def config_map(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    with APIServer() as found:
        yield found


@pytest.fixture
def client(server: APIServer) -> Iterator[Client]:
    yield Client(server)
    server.reset()


def test_it_is_ready_when_started(server: APIServer, client: Client) -> None:
    assert client("GET", "/api/v1/namespaces/default")[0] == 200
    assert client("POST", MAPS, config_map("a"))[0] == 201


def test_the_kubeconfig_names_the_server(server: APIServer) -> None:
    document = server.kubeconfig_dict()
    assert document["clusters"][0]["cluster"]["server"] == server.url
    assert server.env(MORE="x")["KUBECONFIG"] == str(server.kubeconfig)
    assert server.env(MORE="x")["MORE"] == "x"


def test_a_reset_leaves_only_what_was_there_at_the_start(server: APIServer, client: Client) -> None:
    before = {path: client.names(path) for path in (NAMESPACES, MAPS)}
    client("POST", NAMESPACES, namespace("mine"))
    client("POST", "/api/v1/namespaces/mine/configmaps", config_map("b"))
    client("POST", MAPS, config_map("held", finalizers=["example.com/hold"]))
    client("DELETE", f"{MAPS}/held")
    server.reset()
    assert {path: client.names(path) for path in (NAMESPACES, MAPS)} == before
    assert client("GET", "/api/v1/namespaces/mine/configmaps")[1]["items"] == []


def test_a_reset_restores_what_was_changed_and_deleted(server: APIServer, client: Client) -> None:
    uids = {
        item["metadata"]["name"]: item["metadata"]["uid"]
        for item in client("GET", NAMESPACES)[1]["items"]
    }
    changed = client("GET", f"{NAMESPACES}/default")[1]
    changed["metadata"]["labels"]["mine"] = "yes"
    assert client("PUT", f"{NAMESPACES}/default", changed)[0] == 200
    assert client("DELETE", f"{NAMESPACES}/kube-node-lease")[0] == 200
    server.reset()
    assert "mine" not in client("GET", f"{NAMESPACES}/default")[1]["metadata"]["labels"]
    now = client("GET", NAMESPACES)[1]["items"]
    assert {item["metadata"]["name"]: item["metadata"]["uid"] for item in now} == uids


def test_addresses_and_ports_are_free_again(server: APIServer, client: Client) -> None:
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]},
    }
    services = "/api/v1/namespaces/default/services"
    status, made = client("POST", services, service)
    assert status == 201, made
    server.reset()
    again = {**service, "spec": {**service["spec"], "clusterIP": made["spec"]["clusterIP"]}}
    status, made = client("POST", services, again)
    assert status == 201, made


def test_watches_see_a_reset_and_go_on(server: APIServer, client: Client) -> None:
    client("POST", MAPS, config_map("a"))
    events = Client(server).stream(f"{MAPS}?watch=1")
    assert next(events)["type"] == "ADDED"
    server.reset()
    deleted = next(events)
    assert (deleted["type"], deleted["object"]["metadata"]["name"]) == ("DELETED", "a")
    client("POST", MAPS, config_map("b"))
    assert next(events)["object"]["metadata"]["name"] == "b"


def test_many_objects_go_in_one_reset(server: APIServer, client: Client) -> None:
    for number in range(600):  # more than one transaction takes
        assert client("POST", MAPS, config_map(f"m-{number}"))[0] == 201
    server.reset()
    assert client.names(MAPS) == []


def test_only_a_post_resets(client: Client) -> None:
    assert client("GET", RESET_PATH)[0] == 405
    assert client("POST", RESET_PATH + "/more")[0] == 404


def test_two_servers_share_nothing(server: APIServer, client: Client) -> None:
    client("POST", MAPS, config_map("mine"))
    with APIServer() as other:
        assert other.url != server.url
        assert Client(other).names(MAPS) == []
        stranger = http.client.HTTPSConnection(
            urlsplit(other.url).netloc, context=server.ssl_context(), timeout=PATIENCE
        )
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.connect()


def test_nothing_is_left_after_the_end() -> None:
    server = APIServer()
    with server:
        directory = server.kubeconfig.parent
        port = urlsplit(server.url).port
    assert not directory.exists()
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE).connect()
    with pytest.raises(ServerError, match="not running"):
        server.reset()
    server.stop()  # twice does no harm


def test_a_start_that_fails_says_why() -> None:
    with pytest.raises(ServerError, match="--event-ttl: 'soon' is not valid"):
        APIServer({"event-ttl": "soon"}).start()
    with pytest.raises(ServerError, match="--token-auth-file: cannot read /nowhere"):
        APIServer({"token-auth-file": "/nowhere"}).start()


def test_a_start_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(ServerError, match="not ready after 0"):
        APIServer(start_timeout=0).start()


def test_a_server_that_died_is_told_with_its_log() -> None:
    with APIServer() as server:
        os.kill(server.pid, signal.SIGKILL)
        until_dead(server.pid)
        with pytest.raises(ServerError, match="ready at https://"):
            server.reset()


def test_a_test_run_that_is_killed_leaves_no_server() -> None:
    program = (
        "import sys\n"
        "from kapiserver.testing import APIServer\n"
        "with APIServer() as server:\n"
        "    print(server.pid, server.kubeconfig, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        pid, kubeconfig = run.stdout.readline().split()
        run.kill()
    until_dead(int(pid))
    assert not Path(kubeconfig).parent.exists()


def until_dead(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while alive(pid):
        assert time.monotonic() < deadline, "the server goes on"
        time.sleep(0.02)  # another's child sends no event


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_under_trio() -> None:
    async with AsyncAPIServer() as server:
        client = Client(server)
        client("POST", MAPS, config_map("a"))
        await server.areset()
        assert client.names(MAPS) == []


def test_under_asyncio() -> None:
    async def use() -> None:
        async with AsyncAPIServer() as server:
            await server.areset()
            assert Client(server).names(MAPS) == []

    asyncio.run(use())
