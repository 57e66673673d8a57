"""authentication.k8s.io/v1: questions about identity. Answered, never stored."""

from __future__ import annotations

from kapiserver.resources.declare import VIRTUAL, Group
from kapiserver.resources.definition import ResourceDefinition
from kapiserver.resources.names import path_segment

AUTHENTICATION = Group("authentication.k8s.io", "io.k8s.api.authentication")

DEFINITIONS: tuple[ResourceDefinition, ...] = tuple(
    AUTHENTICATION.resource(
        kind, plural, namespaced=False, verbs=VIRTUAL, name_rule=path_segment, virtual=True
    )
    for kind, plural in (
        ("SelfSubjectReview", "selfsubjectreviews"),
        ("TokenReview", "tokenreviews"),
    )
)
