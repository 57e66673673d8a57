"""What is written together with the objects of a resource: a service and the addresses it takes.

The generic verbs ask the companion of a resource, if it has one, before they validate and store,
and put what it answers into the transaction. So a record and its object cannot come apart. When a
guard of the answer does not hold any more, the verb starts over from what the client sent.
"""

from __future__ import annotations

from typing import Protocol

from kapiserver.resources.definition import Object, WriteContext
from kapiserver.storage.together import Together

# How often a write starts over because what it wanted to take was taken in between.
CLAIM_ATTEMPTS = 50


class Companion(Protocol):
    """Objects are in the stored version. A dry run gets `Together()`: nothing is written."""

    async def create(self, obj: Object, write: WriteContext) -> Together:
        """Complete the new object in place. Raises ApiError."""
        ...

    async def update(self, obj: Object, write: WriteContext) -> Together:
        """Complete the changed object in place; `write.old` is what it was. Raises ApiError."""
        ...

    def delete(self, old: Object) -> Together:
        """What goes when the object goes."""
        ...
