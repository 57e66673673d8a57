"""Which servers a command talks to: those of a kubeconfig, tried in order until one answers."""

from __future__ import annotations

import argparse
import base64
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ryaml

from kapiserver.cli import layout
from kapiserver.cli.client import Answer, Credentials, RequestFailed, call, request
from kapiserver.cli.command import CommandError


def add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        default=layout.DEFAULT_DIRECTORY,
        help=f"folder of a cluster or node on this machine (default: ./{layout.DEFAULT_DIRECTORY})",
    )
    parser.add_argument(
        "--kubeconfig", metavar="FILE", help="use this kubeconfig instead of the one in --data-dir"
    )


@dataclass(frozen=True, slots=True)
class Target:
    """Servers of one cluster, and who we are for them."""

    servers: tuple[str, ...]
    credentials: Credentials

    async def call(self, method: str, path: str, *, body: Any = None, timeout: float = 10.0) -> Any:
        """The first answer of a server that can be reached; CommandError otherwise."""
        failures = []
        for server in self.servers:
            try:
                return await call(
                    method, server + path, self.credentials, body=body, timeout=timeout
                )
            except RequestFailed as error:
                if error.status:
                    raise CommandError(str(error)) from error
                failures.append(str(error))
        raise CommandError("no server can be reached: " + "; ".join(failures))

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[Answer]:
        """A GET whose body is read piece by piece, from the first server that answers."""
        server = await self._reachable()
        try:
            async with request("GET", server + path, self.credentials) as answer:
                if answer.status != 200:
                    text = (await answer.read()).decode(errors="replace")
                    raise CommandError(f"{server}{path}: {answer.status} {text}")
                yield answer
        except RequestFailed as error:
            raise CommandError(str(error)) from error

    async def _reachable(self) -> str:
        failures = []
        for server in self.servers:
            try:
                await call("GET", server + "/version", self.credentials)
            except RequestFailed as error:
                failures.append(str(error))
            else:
                return server
        raise CommandError("no server can be reached: " + "; ".join(failures))


@contextmanager
def find_target(arguments: argparse.Namespace) -> Iterator[Target]:
    """The target that the flags name. Credentials live in a private folder meanwhile."""
    path = (
        Path(arguments.kubeconfig)
        if arguments.kubeconfig
        else layout.absolute(arguments.data_dir) / "kubeconfig"
    )
    try:
        document = ryaml.loads(path.read_text())
    except FileNotFoundError as error:
        flag = "--kubeconfig" if arguments.kubeconfig else "--data-dir"
        raise CommandError(
            f"{path} does not exist ({flag}): name a cluster's folder with --data-dir, or a "
            "kubeconfig with --kubeconfig"
        ) from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path} is not a kubeconfig: {error}") from error
    with tempfile.TemporaryDirectory(prefix="kapi-") as directory:
        try:
            yield _from_document(document, Path(directory))
        except (KeyError, TypeError, IndexError) as error:
            raise CommandError(f"{path} is not a usable kubeconfig: {error!r}") from error


def _from_document(document: Any, directory: Path) -> Target:
    contexts = {item["name"]: item["context"] for item in document["contexts"]}
    clusters = {item["name"]: item["cluster"] for item in document["clusters"]}
    users = {item["name"]: item["user"] for item in document["users"]}
    current = contexts[document["current-context"]]
    user = users[current["user"]]
    names = [current["cluster"], *(context["cluster"] for context in contexts.values())]
    servers = tuple(dict.fromkeys(clusters[name]["server"].rstrip("/") for name in names))
    files = (
        ("ca.crt", clusters[current["cluster"]], "certificate-authority"),
        ("client.crt", user, "client-certificate"),
        ("client.key", user, "client-key"),
    )
    paths = [_file(directory / name, fields, field) for name, fields, field in files]
    return Target(servers, Credentials(*paths))


def _file(path: Path, fields: dict[str, Any], field: str) -> Path:
    embedded = fields.get(f"{field}-data")
    if embedded is None:
        return Path(fields[field])
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64decode(embedded))
    return path
