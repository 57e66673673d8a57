"""Objects in the store: keys, codec, the watch cache and its fan-out.

Comes in: decoded objects and queries. Goes out: `StoredObject`s, whose bytes are what the wire
needs. Nothing here knows a kind, a verb or a user; nothing here parses an object to serve a read.
"""

from kapiserver.storage.codec import Encoded, encode
from kapiserver.storage.errors import GuardMoved, KeyExists, RevisionConflict
from kapiserver.storage.listing import ListPage, ListQuery
from kapiserver.storage.object import FieldMatch, LabelMatch, StoredObject
from kapiserver.storage.objects import ObjectStore
from kapiserver.storage.storage import Storage, StorageSpec
from kapiserver.storage.watch import EventEncoder, Watch, WatchQuery

__all__ = [
    "Encoded",
    "EventEncoder",
    "FieldMatch",
    "GuardMoved",
    "KeyExists",
    "LabelMatch",
    "ListPage",
    "ListQuery",
    "ObjectStore",
    "RevisionConflict",
    "Storage",
    "StorageSpec",
    "StoredObject",
    "Watch",
    "WatchQuery",
    "encode",
]
