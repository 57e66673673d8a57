"""/version: which Kubernetes this server speaks, and which server it is."""

from __future__ import annotations

import platform
import sys

import orjson

from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Response
from kapiserver.version import (
    KUBERNETES_MAJOR,
    KUBERNETES_MINOR,
    KUBERNETES_VERSION,
    VERSION,
)

GIT_VERSION = f"{KUBERNETES_VERSION}+kapi-{VERSION}"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def version_info() -> dict[str, str]:
    machine = platform.machine()
    return {
        "major": KUBERNETES_MAJOR,
        "minor": KUBERNETES_MINOR,
        "emulationMajor": KUBERNETES_MAJOR,
        "emulationMinor": KUBERNETES_MINOR,
        "minCompatibilityMajor": KUBERNETES_MAJOR,
        "minCompatibilityMinor": KUBERNETES_MINOR,
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"none, {sys.implementation.name} {platform.python_version()}",
        "compiler": sys.implementation.name,
        "platform": f"{sys.platform}/{_ARCHITECTURES.get(machine, machine)}",
    }


_BODY = orjson.dumps(version_info(), option=orjson.OPT_INDENT_2)


def respond(context: RequestContext) -> Response | None:
    if context.info.path.rstrip("/") != "/version":
        return None
    return Response(200, [(b"content-type", b"application/json")], _BODY)
