"""The core API group: the one without a name, served under /api."""

from __future__ import annotations

from kapiserver.resources.declare import Group

CORE = Group("", "io.k8s.api.core")
