"""What the body of a request must be: a kind in a version, and how it is read and checked.

In: the names of a kind, and where schemas and messages come from. A resource's objects are of such
a type; so is what its subresources take where that is a kind of its own (Binding, Scale, …).
"""

from __future__ import annotations

from kapiserver.resources.definition import Subresource, Version
from kapiserver.resources.protobuf import Message, Messages
from kapiserver.resources.schema import Compiled, SchemaSet


class BodyType:
    """`accepted`: apiVersions that say the same in the same shape."""

    def __init__(
        self,
        schemas: SchemaSet,
        messages: Messages,
        group: str,
        version: str,
        kind: str,
        schema: str,
        accepted: tuple[str, ...] = (),
    ) -> None:
        self.group = group
        self.version = version
        self.kind = kind
        self.api_version = f"{group}/{version}" if group else version
        self.accepted = accepted
        self._schema = schema
        self._schemas = schemas
        self._messages = messages

    @property
    def validator(self) -> Compiled:
        return self._schemas.validator(self._schema)

    @property
    def is_custom(self) -> bool:
        """Whether it came at run time: such objects have no protobuf form."""
        return self._schemas.is_added(self._schema)

    @property
    def message(self) -> Message | None:
        """How a protobuf body is read."""
        return None if self.is_custom else self._messages.get(self._schema)


def subresource_schema(subresource: Subresource, version: Version) -> str:
    """The definition of what a subresource takes and gives; it need not exist (options of proxies).

    `version`: of the resource that it belongs to.
    """
    if not subresource.kind:
        return version.schema
    if not subresource.group:
        return f"{version.schema.rpartition('.')[0]}.{subresource.kind}"
    package = subresource.group.partition(".")[0]
    return f"io.k8s.api.{package}.{subresource.version}.{subresource.kind}"
