"""Connections between the members: mutual TLS 1.3, msgpack frames, one link per pair.

In: messages (dicts of plain values) for a peer. Out: checked messages from peers, and when a peer
comes or goes. Delivery is in order or not at all, never twice. Nothing here knows Raft.
"""

from raftstore.transport.frames import Message
from raftstore.transport.join import JoinHandler, JoinRefused, pin_of, request_join
from raftstore.transport.limits import TransportLimits
from raftstore.transport.schema import Schema
from raftstore.transport.tls import TlsFiles
from raftstore.transport.transport import PeerStatus, Receiver, Transport

__all__ = [
    "JoinHandler",
    "JoinRefused",
    "Message",
    "PeerStatus",
    "Receiver",
    "Schema",
    "TlsFiles",
    "Transport",
    "TransportLimits",
    "pin_of",
    "request_join",
]
