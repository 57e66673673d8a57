"""`APIServer`: a node in a child process, from the point of view of the test that uses it.

In: nothing, or a few settings. Out: a URL, files with credentials, `reset`. The node is a process
and not a thread: a test may block its own interpreter (a debugger, a busy loop, a fork) without
stopping the server, the server's signals and event loop do not meet the test's, and what the test
cannot reach in memory it cannot rely on by accident. The price is starting an interpreter, which is
most of the second that a start takes.

The child binds a free port itself and says which (nothing is probed and released, so there is no
race), and it ends when its standard input does: a test run that is killed leaves no server behind.
"""

from __future__ import annotations

import http.client
import json
import os
import selectors
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from kapiserver.testing import files

START_SECONDS = 60.0
STOP_SECONDS = 10.0
REQUEST_SECONDS = 30.0
LOG_LINES = 40

MEMORY_DISK = Path("/dev/shm")
# Where less is free (containers have 64 MB by default), an ordinary folder is the safer place.
MEMORY_DISK_FREE = 1 << 30


class ServerError(Exception):
    """The server did not start, has ended, or refused a reset; with its last log lines."""


class APIServer:
    """A single node with an empty cluster. Start it as a context manager, or with start and stop.

    `settings`: of `kapiserver serve`, by name without the dashes (`{"event-ttl": "5s"}`).
    """

    def __init__(
        self, settings: Mapping[str, str] | None = None, *, start_timeout: float = START_SECONDS
    ) -> None:
        self._settings = dict(settings or {})
        self._start_timeout = start_timeout
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPSConnection | None = None
        self._url = ""

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when the server is ready. Raises ServerError, after the time at the latest."""
        if self._process is not None:
            raise ServerError("the server has been started already")
        self._directory = Path(tempfile.mkdtemp(prefix="kapiserver-", dir=_fast_folder()))
        try:
            self._process = self._spawn(self._directory)
            self._url = self._await_ready(self._process)
        except BaseException:
            if self._process is not None:
                self._process.kill()
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove its files. Does nothing the second time."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def __enter__(self) -> APIServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(self, directory: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "kapiserver.testing.child", str(directory)]
        command += [f"{name}={value}" for name, value in self._settings.items()]
        with (directory / files.LOG).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for the test run, which still needs the server to tear its tests down
                start_new_session=True,
            )

    def _await_ready(self, process: subprocess.Popen[bytes]) -> str:
        """The child's one line on standard output."""
        assert process.stdout is not None
        deadline = time.monotonic() + self._start_timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._failed(f"is not ready after {self._start_timeout:g} s")
                data = os.read(process.stdout.fileno(), 4096)
                if not data:
                    raise self._failed("ended while it started")
                line += data
        return str(json.loads(line)["url"])

    def _failed(self, what: str) -> ServerError:
        return ServerError(f"the API server {what}; the end of its log:\n{self.log_tail()}")

    # -- what a test needs ------------------------------------------------------------------------

    def _file(self, name: str) -> Path:
        if self._directory is None:
            raise ServerError("the server is not running")
        return self._directory / name

    @property
    def url(self) -> str:
        """Such as https://127.0.0.1:38467."""
        self._file("")
        return self._url

    @property
    def pid(self) -> int:
        """The server's process, for tests that want to stop or kill it."""
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process.pid

    @property
    def ca(self) -> Path:
        """The certificate of the CA that signed the server's certificate (PEM)."""
        return self._file(files.CA)

    @property
    def client_cert(self) -> tuple[Path, Path]:
        """Certificate and key of an administrator (PEM), as `requests` and `httpx` want them."""
        return self._file(files.ADMIN_CERTIFICATE), self._file(files.ADMIN_KEY)

    @property
    def kubeconfig(self) -> Path:
        """A file with one context, for the administrator. Certificates are embedded."""
        return self._file(files.KUBECONFIG)

    def kubeconfig_dict(self) -> dict[str, Any]:
        """The content of `kubeconfig`."""
        document: dict[str, Any] = json.loads(self.kubeconfig.read_bytes())
        return document

    def env(self, **more: str) -> dict[str, str]:
        """The environment for a child process that shall use this server, such as kubectl."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), **more}

    def ssl_context(self) -> ssl.SSLContext:
        """Trusts the server and authenticates as the administrator."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(*self.client_cert)
        return context

    def log_tail(self, lines: int = LOG_LINES) -> str:
        """The last lines that the server has logged."""
        text = self._file(files.LOG).read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def reset(self) -> None:
        """Back to the state after the start: everything made since is deleted, finalizers or not,
        and what was changed or deleted is as it was. Watches see it happen and go on."""
        answer = self._reset_once()
        if answer is None:  # the connection had been closed: a reset may be asked for twice
            answer = self._reset_once()
        if answer is None:
            raise self._failed("does not answer")
        status, text = answer
        if status != 200:
            raise self._failed(f"refused to be reset ({status}: {text[:500]})")

    def _reset_once(self) -> tuple[int, str] | None:
        if self._connection is None:
            parts = urlsplit(self.url)
            self._connection = http.client.HTTPSConnection(
                str(parts.hostname),
                parts.port,
                timeout=REQUEST_SECONDS,
                context=self.ssl_context(),
            )
        try:
            self._connection.request("POST", files.RESET_PATH)
            response = self._connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return None


def _fast_folder() -> str | None:
    """A folder in memory, where a sync costs nothing; None: the usual one."""
    try:
        free = shutil.disk_usage(MEMORY_DISK).free
    except OSError:
        return None
    roomy = free >= MEMORY_DISK_FREE and os.access(MEMORY_DISK, os.W_OK | os.X_OK)
    return str(MEMORY_DISK) if roomy else None
