"""authorization.k8s.io/v1: questions about what somebody may do. Answered, never stored."""

from __future__ import annotations

from kapiserver.resources.declare import VIRTUAL, Group
from kapiserver.resources.definition import ResourceDefinition
from kapiserver.resources.names import path_segment

AUTHORIZATION = Group("authorization.k8s.io", "io.k8s.api.authorization")

DEFINITIONS: tuple[ResourceDefinition, ...] = tuple(
    AUTHORIZATION.resource(
        kind, plural, namespaced=namespaced, verbs=VIRTUAL, name_rule=path_segment, virtual=True
    )
    for kind, plural, namespaced in (
        ("LocalSubjectAccessReview", "localsubjectaccessreviews", True),
        ("SelfSubjectAccessReview", "selfsubjectaccessreviews", False),
        ("SelfSubjectRulesReview", "selfsubjectrulesreviews", False),
        ("SubjectAccessReview", "subjectaccessreviews", False),
    )
)
