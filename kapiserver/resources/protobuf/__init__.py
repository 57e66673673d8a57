"""Request bodies in Kubernetes' protobuf form, which Go clients send for built-in kinds.

In: the bytes of a body, and the name of the definition that it must be. Out: the object as the same
client would have sent it in JSON. What fields are called and how they are numbered is in
`numbers.txt`; what they hold is known to the schemas. Nothing is read or compiled before the first
such body comes. Raises `WireError`; answers are never encoded here.
"""

from kapiserver.resources.protobuf.envelope import Envelope, open_envelope
from kapiserver.resources.protobuf.messages import Message, Messages
from kapiserver.resources.protobuf.wire import WireError

__all__ = ["Envelope", "Message", "Messages", "WireError", "open_envelope"]
