"""One server for the folder, empty at the start of each test."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kapiserver.testing import APIServer

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIServer]:
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.csv"
    tokens.write_text("ada's ÿ token,ada,1,system:masters\njane's token,jane,2\n")
    with APIServer({"token-auth-file": str(tokens)}) as found:
        yield found


@pytest.fixture
def server(running: APIServer) -> APIServer:
    running.reset()
    return running


@pytest.fixture
def ask(server: APIServer) -> Ask:
    """The administrator's other requests."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            server.url + path,
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, context=server.ssl_context(), timeout=30) as answer:
            return json.load(answer)

    return ask
