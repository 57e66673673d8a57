"""kubectl reads our discovery and OpenAPI documents: `explain` and `api-resources` work.

The documents are served over plain HTTP by the standard library, so that nothing else is needed.
"""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from kapiserver.api.discovery import Discovery
from kapiserver.api.openapi import OpenAPI
from kapiserver.errors import ApiError, NotFound
from kapiserver.request import Connection, Request, Response
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.schema import SchemaSet

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")


@pytest.fixture(scope="module")
def server(schemas: SchemaSet) -> Iterator[str]:
    registry = builtin_registry()
    openapi, discovery = OpenAPI(registry, schemas), Discovery(registry)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            sent = [(k.lower().encode(), v.encode()) for k, v in self.headers.items()]
            connection = Connection(None, ("127.0.0.1", 6443), None)
            request = Request("GET", path, query.encode(), sent, connection, "1.1", None)
            try:
                found = openapi.respond(request) or discovery.respond(
                    path.strip("/").split("/"), request
                )
                if found is None:
                    raise NotFound.resource()
            except ApiError as error:
                found = Response(error.code, [], orjson.dumps(error.status()))
            assert isinstance(found.body, bytes)
            self.send_response(found.status)
            for name, value in found.headers:
                self.send_header(name.decode(), value.decode())
            self.send_header("content-length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = tmp_path_factory.mktemp("kubectl")
    return place


def kubectl(server: str, cache: Path, *arguments: str) -> str:
    assert KUBECTL is not None
    done = subprocess.run(
        [KUBECTL, f"--server={server}", f"--cache-dir={cache}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"HOME": str(cache), "KUBECONFIG": "/dev/null"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_explain_recursive_shows_the_fields_of_a_container(server: str, cache: Path) -> None:
    shown = kubectl(server, cache, "explain", "pods.spec.containers", "--recursive")
    assert "FIELD: containers <[]Container>" in shown
    assert "  valueFrom\t<EnvVarSource>" in shown
    assert "name\t<string> -required-" in shown


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("deploy.spec.strategy.rollingUpdate.maxSurge", "FIELD: maxSurge <IntOrString>"),
        ("hpa.spec.metrics.resource.target", "VERSION:    v2"),
        ("crd.spec.versions.schema.openAPIV3Schema", "KIND:       CustomResourceDefinition"),
    ],
)
def test_explain_follows_references(server: str, cache: Path, what: str, expected: str) -> None:
    assert expected in kubectl(server, cache, "explain", what)


def test_api_resources_lists_what_is_served(server: str, cache: Path) -> None:
    lines = kubectl(server, cache, "api-resources", "--no-headers").splitlines()
    shown = {tuple(line.split()) for line in lines}
    assert ("pods", "po", "v1", "true", "Pod") in shown
    assert ("deployments", "deploy", "apps/v1", "true", "Deployment") in shown
    assert (
        "horizontalpodautoscalers",
        "hpa",
        "autoscaling/v2",
        "true",
        "HorizontalPodAutoscaler",
    ) in shown
