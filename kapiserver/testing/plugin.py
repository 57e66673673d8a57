"""pytest fixtures: one server per test session, emptied between tests.

`kapi` is the server, as it was after its start; `kapi_kubeconfig` says so to programs that look at
$KUBECONFIG. With pytest-xdist every worker has a server of its own. The plugin registers itself
when kapiserver is installed; it starts nothing until a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kapiserver.testing.server import APIServer


@pytest.fixture(scope="session")
def kapi_server() -> Iterator[APIServer]:
    """A server for the whole session. What a test makes in it stays: most tests want `kapi`."""
    with APIServer() as server:
        yield server


@pytest.fixture
def kapi(kapi_server: APIServer) -> Iterator[APIServer]:
    """The session's server, reset after the test."""
    yield kapi_server
    kapi_server.reset()


@pytest.fixture
def kapi_kubeconfig(kapi: APIServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server's kubeconfig, which $KUBECONFIG names during the test."""
    monkeypatch.setenv("KUBECONFIG", str(kapi.kubeconfig))
    return kapi.kubeconfig
