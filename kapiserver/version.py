"""Which kapiserver this is, and which Kubernetes it answers as."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("kapiserver")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "0.0.0"


VERSION = _installed()
KUBERNETES_VERSION = "v1.37.0"
KUBERNETES_MAJOR = "1"
KUBERNETES_MINOR = "37"
