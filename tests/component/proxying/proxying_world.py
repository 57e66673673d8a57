"""What the tests see: a server, a kubelet, objects that lead from one to the other, kubectl."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11
import trio
from fake_kubelet import FakeKubelet

from kapiserver.testing import APIServer

KUBECTL = Path(sys.executable).parent / "kubectl"
PATIENCE = 30.0
PODS = "/api/v1/namespaces/default/pods"
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "bKdPyn3u98cTfZJSh4TNeQ==",
    "sec-websocket-protocol": "v5.channel.k8s.io",
}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return str(json.loads(self.body)["message"])


class World:
    def __init__(self, server: APIServer, kubelet: FakeKubelet) -> None:
        self.server = server
        self.kubelet = kubelet

    # -- HTTP -------------------------------------------------------------------------------------

    async def connect(self) -> trio.SSLStream[trio.SocketStream]:
        url = urlsplit(self.server.url)
        assert url.hostname is not None
        assert url.port is not None
        stream = await trio.open_ssl_over_tcp_stream(
            url.hostname, url.port, ssl_context=self.server.ssl_context(), https_compatible=True
        )
        await stream.do_handshake()
        return stream

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        sent = {"host": "kapi", "content-type": "application/json", **(headers or {})}
        if data or method in ("POST", "PUT", "PATCH"):
            sent["content-length"] = str(len(data))
        stream = await self.connect()
        http = h11.Connection(h11.CLIENT)
        with trio.fail_after(PATIENCE):
            request = h11.Request(method=method, target=path, headers=list(sent.items()))
            await stream.send_all(http.send(request) or b"")
            if data:
                await stream.send_all(http.send(h11.Data(data=data)) or b"")
            await stream.send_all(http.send(h11.EndOfMessage()) or b"")
            answer = await read_answer(stream, http)
        await trio.aclose_forcefully(stream)
        return answer

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("GET", path, headers=headers)

    async def create(self, path: str, obj: dict[str, Any], status: dict[str, Any]) -> None:
        made = await self.ask("POST", path, obj)
        assert made.status == 201, made.body
        if status:
            name = obj["metadata"]["name"]
            patched = await self.ask(
                "PATCH",
                f"{path}/{name}/status",
                {"status": status},
                {"content-type": "application/merge-patch+json"},
            )
            assert patched.status == 200, patched.body

    # -- objects ----------------------------------------------------------------------------------

    async def add_node(self, name: str = "node-1", **status: Any) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
        given = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.kubelet.port}},
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
            **status,
        }
        await self.create("/api/v1/nodes", node, given)

    async def add_pod(
        self,
        name: str,
        node: str = "node-1",
        containers: tuple[str, ...] = ("main",),
        ip: str = "",
        ports: tuple[int, ...] = (),
    ) -> None:
        listed = [{"name": c, "image": "busybox"} for c in containers]
        if ports:
            listed[0]["ports"] = [{"containerPort": port} for port in ports]  # type: ignore[assignment]
        spec: dict[str, Any] = {"containers": listed}
        if node:
            spec["nodeName"] = node
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": spec,
        }
        running = [{"name": c, "ready": True, "restartCount": 0, "image": "busybox",
                    "imageID": "x", "state": {"running": {}}} for c in containers]  # fmt: skip
        status: dict[str, Any] = {"phase": "Running", "containerStatuses": running}
        if ip:
            status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
        await self.create(PODS, pod, status)

    # -- kubectl ----------------------------------------------------------------------------------

    def kubectl(self, *arguments: str) -> list[str]:
        return [str(KUBECTL), "--request-timeout=0", *arguments]

    async def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        status: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """What kubectl prints; its errors when a `status` other than 0 is expected."""
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(
                self.kubectl(*arguments),
                env=self.server.env(**(environment or {})),
                stdin=stdin,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return (done.stderr if status else done.stdout).decode()

    async def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> trio.Process:
        return await trio.lowlevel.open_process(
            self.kubectl(*arguments),
            env=self.server.env(**(environment or {})),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


async def read_answer(stream: trio.abc.Stream, http: h11.Connection) -> Answer:
    head: h11.Response | h11.InformationalResponse | None = None
    body = b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(65536)))
        elif isinstance(event, h11.InformationalResponse) and event.status_code == 101:
            head = event
            break
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            break
    assert head is not None
    headers = {name.decode(): value.decode() for name, value in head.headers}
    return Answer(head.status_code, headers, body)


async def read_line(source: trio.abc.ReceiveStream) -> str:
    """One line of what a process prints."""
    line = b""
    with trio.fail_after(PATIENCE):
        while not line.endswith(b"\n"):
            data = await source.receive_some(1)
            if not data:
                break
            line += data
    return line.decode().rstrip("\n")
