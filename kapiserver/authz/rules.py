"""By which rules a user may do things: what SelfSubjectRulesReview shows. Plain data."""

from __future__ import annotations

from typing import Any, NamedTuple


class ResourceRule(NamedTuple):
    """`*` stands for all; without names it is about all objects."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "verbs": list(self.verbs),
            "apiGroups": list(self.groups),
            "resources": list(self.resources),
        }
        if self.names:
            out["resourceNames"] = list(self.names)
        return out


class PathRule(NamedTuple):
    """About paths that are no resources; `/x/*` means all below."""

    verbs: tuple[str, ...]
    paths: tuple[str, ...]

    def shown(self) -> dict[str, Any]:
        return {"verbs": list(self.verbs), "nonResourceURLs": list(self.paths)}


class Rules(NamedTuple):
    """`incomplete`: there are more, which cannot be listed."""

    resources: tuple[ResourceRule, ...] = ()
    paths: tuple[PathRule, ...] = ()
    incomplete: bool = False
