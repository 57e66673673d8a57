"""/healthz, /livez and /readyz: named checks, all of them or one by one.

In: checks (a function that returns what is wrong, "" if nothing). Out: `ok`, or 500 and which
check failed; `?verbose` lists all, `?exclude=` leaves some out. Checks look and do not wait: these
paths are asked often and are answered without a task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Response

log = logging.getLogger(__name__)

Check = Callable[[], str]


@dataclass(slots=True)
class Record:
    """How a check went: the last time, and how often."""

    passing: bool = True
    passed: int = 0
    failed: int = 0


_HEADERS = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
)


def ping() -> str:
    """That the server answers is all that there is to say."""
    return ""


class Health:
    """`live`: failing means restart the process. `ready`: failing means send no traffic."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {"ping": ping}
        self._ready: dict[str, Check] = {"ping": ping}
        self._tables: Mapping[str, dict[str, Check]] = {
            "healthz": self._live,
            "livez": self._live,
            "readyz": self._ready,
        }
        self.records: dict[tuple[str, str], Record] = {}  # by path and name of check

    def add(self, name: str, check: Check, *, live: bool = False) -> None:
        """A readiness check; with `live` it counts for liveness too."""
        self._ready[name] = check
        if live:
            self._live[name] = check

    def paths(self) -> list[str]:
        """Every path that is answered."""
        paths: list[str] = []
        for kind, checks in self._tables.items():
            paths += [f"/{kind}", *(f"/{kind}/{name}" for name in checks)]
        return paths

    def respond(self, context: RequestContext) -> Response | None:
        """Answers `/healthz`, `/livez/ping`, …; None for other paths and unknown checks."""
        kind, slash, name = context.info.path.removeprefix("/").partition("/")
        checks = self._tables.get(kind)
        if checks is None or (slash and name not in checks):
            return None
        if name:
            problem = self._look(kind, name, checks[name])
            if not problem:
                return _text(200, "ok")
            log.warning("%s check %s failed: %s", kind, name, problem)
            return _text(500, f"internal server error: {problem}\n")
        return self._all(kind, checks, context)

    def _look(self, kind: str, name: str, check: Check) -> str:
        problem = check()
        record = self.records.setdefault((kind, name), Record())
        record.passing = not problem
        if problem:
            record.failed += 1
        else:
            record.passed += 1
        return problem

    def _all(self, kind: str, checks: Mapping[str, Check], context: RequestContext) -> Response:
        excluded = set(context.query.get("exclude", ()))
        lines: list[str] = []
        failed: list[str] = []
        for name, check in checks.items():
            if name in excluded:
                excluded.discard(name)
                lines.append(f"[+]{name} excluded: ok\n")
                continue
            problem = self._look(kind, name, check)
            if problem:
                failed.append(f"{name}: {problem}")
                # the reason is in the log: anybody may ask here
                lines.append(f"[-]{name} failed: reason withheld\n")
            else:
                lines.append(f"[+]{name} ok\n")
        if excluded:
            names = ",".join(f'"{name}"' for name in sorted(excluded))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}\n")
        if failed:
            log.warning("%s check failed: %s", kind, "; ".join(failed))
            return _text(500, "".join(lines) + f"{kind} check failed\n")
        if "verbose" in context.query:
            return _text(200, "".join(lines) + f"{kind} check passed\n")
        return _text(200, "ok")


def _text(status: int, body: str) -> Response:
    return Response(status, list(_HEADERS), body.encode())
