"""One node: the parts put together, started bottom up and stopped top down."""

from kapiserver.server.node import run_node
from kapiserver.server.settings import StartError

__all__ = ["StartError", "run_node"]
