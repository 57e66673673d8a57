"""The flow schemas and priority levels that every server has, and how their types are printed."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.validation.internals import (
    Field,
    Shape,
    flag,
    integer,
    nested,
    struct,
    text,
)

METHOD: Shape = {"Type": text("type")}
_NAMED: Shape = {"Name": text("name")}
_SUBJECT: Shape = {
    "Kind": text("kind"),
    "User": nested("user", _NAMED),
    "Group": nested("group", _NAMED),
    "ServiceAccount": nested(
        "serviceAccount", {"Namespace": text("namespace"), "Name": text("name")}
    ),
}
_RESOURCE_RULE: Shape = {
    "Verbs": Field("verbs"),
    "APIGroups": Field("apiGroups"),
    "Resources": Field("resources"),
    "ClusterScope": flag("clusterScope"),
    "Namespaces": Field("namespaces"),
}
FLOW: Shape = {
    "PriorityLevelConfiguration": struct("priorityLevelConfiguration", _NAMED),
    "MatchingPrecedence": integer("matchingPrecedence"),
    "DistinguisherMethod": nested("distinguisherMethod", METHOD),
    "Rules": nested(
        "rules",
        {
            "Subjects": nested("subjects", _SUBJECT),
            "ResourceRules": nested("resourceRules", _RESOURCE_RULE),
            "NonResourceRules": nested(
                "nonResourceRules",
                {"Verbs": Field("verbs"), "NonResourceURLs": Field("nonResourceURLs")},
            ),
        },
    ),
}
LEVEL: Shape = {
    "Type": text("type"),
    "Limited": nested(
        "limited",
        {
            "NominalConcurrencyShares": integer("nominalConcurrencyShares"),
            "LimitResponse": struct(
                "limitResponse",
                {
                    "Type": text("type"),
                    "Queuing": nested(
                        "queuing",
                        {
                            "Queues": integer("queues"),
                            "HandSize": integer("handSize"),
                            "QueueLengthLimit": integer("queueLengthLimit"),
                        },
                    ),
                },
            ),
            "LendablePercent": Field("lendablePercent"),
            "BorrowingLimitPercent": Field("borrowingLimitPercent"),
        },
    ),
    "Exempt": nested(
        "exempt",
        {
            "NominalConcurrencyShares": Field("nominalConcurrencyShares"),
            "LendablePercent": Field("lendablePercent"),
        },
    ),
}

_EVERYTHING: Object = {
    "resourceRules": [
        {
            "verbs": ["*"],
            "apiGroups": ["*"],
            "resources": ["*"],
            "clusterScope": True,
            "namespaces": ["*"],
        }
    ],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
}


def _groups(*names: str) -> list[Object]:
    return [{"kind": "Group", "group": {"name": name}} for name in names]


FIXED_FLOWS: dict[str, Object] = {
    "exempt": {
        "priorityLevelConfiguration": {"name": "exempt"},
        "matchingPrecedence": 1,
        "rules": [{"subjects": _groups("system:masters"), **_EVERYTHING}],
    },
    "catch-all": {
        "priorityLevelConfiguration": {"name": "catch-all"},
        "matchingPrecedence": 10000,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [
            {
                "subjects": _groups("system:unauthenticated", "system:authenticated"),
                **_EVERYTHING,
            }
        ],
    },
}
FIXED_LEVELS: dict[str, Object] = {
    "exempt": {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}},
    "catch-all": {
        "type": "Limited",
        "limited": {
            "nominalConcurrencyShares": 5,
            "limitResponse": {"type": "Reject"},
            "lendablePercent": 0,
        },
    },
}
