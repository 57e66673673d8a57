"""A real API server for tests: ready in about a second, empty again in milliseconds.

`with APIServer() as server:` gives a URL, a kubeconfig and credentials of an administrator;
`server.reset()` takes away everything that was made since the start. The pytest fixtures are in
`kapiserver.testing.plugin`. Importing this loads nothing of the server: it runs in a process of its
own.
"""

from kapiserver.testing.asyncserver import AsyncAPIServer
from kapiserver.testing.server import APIServer, ServerError

__all__ = ["APIServer", "AsyncAPIServer", "ServerError"]
