"""Subresources that are more than another way to write the object, by (resource, name).

An empty resource means any resource that declares a subresource of that name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kapiserver.api import binding, eviction, scale
from kapiserver.api.call import Call
from kapiserver.request import Response

HANDLERS: dict[tuple[str, str], Callable[[Call], Awaitable[Response]]] = {
    ("", "scale"): scale.scale,
    ("pods", "binding"): binding.bind,
    ("pods", "eviction"): eviction.evict,
}
