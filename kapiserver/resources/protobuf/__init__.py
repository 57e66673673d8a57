"""Kubernetes' protobuf form of built-in kinds, which Go clients send and some of them ask for.

Reading: the bytes of a body, and the name of the definition that it must be, become the object as
the same client would have sent it in JSON; raises `WireError`. Writing: a document becomes bytes;
raises `Unwritable`. What fields are called and how they are numbered is in `numbers.txt`; what they
hold is known to the schemas. Nothing is read or compiled before the first such body comes.
"""

from kapiserver.resources.protobuf.encoder import Encoder, Unwritable
from kapiserver.resources.protobuf.envelope import Envelope, open_envelope
from kapiserver.resources.protobuf.messages import Message, Messages
from kapiserver.resources.protobuf.wire import WireError
from kapiserver.resources.protobuf.writing import unframed

__all__ = [
    "Encoder",
    "Envelope",
    "Message",
    "Messages",
    "Unwritable",
    "WireError",
    "open_envelope",
    "unframed",
]
