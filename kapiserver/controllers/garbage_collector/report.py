"""The Event that tells a user of an owner reference which can never be resolved."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.api.metadata import timestamp
from kapiserver.api.scope import Scope
from kapiserver.controllers.garbage_collector.graph import OwnerReference
from kapiserver.controllers.identity import WRITING
from kapiserver.errors import AlreadyExists, ApiError
from kapiserver.request import UserInfo

log = logging.getLogger(__name__)

COMPONENT = "garbage-collector-controller"
NAMESPACE = "default"  # of events about objects without a namespace


async def report_invalid_namespace(
    services: Services,
    user: UserInfo,
    scope: Scope,
    metadata: dict[str, Any],
    owner: OwnerReference,
) -> None:
    """Once per dependent and owner (as long as events are kept); an Event is no reason to fail."""
    digest = hashlib.sha256(f"{metadata['uid']}/{owner.uid}".encode()).hexdigest()
    name = f"owner-reference.{digest[:16]}"  # names of any kind need not fit an Event's
    now = timestamp()
    theirs = metadata.get("namespace", "")
    namespace = theirs or NAMESPACE
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {
            "kind": scope.kind,
            **({"namespace": theirs} if theirs else {}),
            "apiVersion": scope.api_version,
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "reason": "OwnerRefInvalidNamespace",
        "message": (
            f"ownerRef [{owner.api_version}/{owner.kind}, namespace: {theirs}, name: "
            f'{owner.name}, uid: {owner.uid}] does not exist in namespace "{theirs}"'
        ),
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": "Warning",
    }
    events = services.scopes.stored("", "events")
    call = internal_call(services, events, user, "create", namespace, name)
    try:
        await create_object(call, event, WRITING)
    except AlreadyExists:
        return
    except ApiError as error:
        log.warning("cannot report an invalid owner of %s: %s", metadata["name"], error.message)
