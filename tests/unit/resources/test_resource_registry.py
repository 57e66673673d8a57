"""The registry: lookups, orders, and changes at run time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kapiserver.resources.declare import Group
from kapiserver.resources.registry import Registry, builtin_registry, version_priority

WIDGETS = Group("example.com", "com.example")


def test_a_resource_is_found_by_plural_and_by_kind_in_each_served_version() -> None:
    registry = builtin_registry()
    for version in ("v1", "v2"):
        found = registry.lookup("autoscaling", version, "horizontalpodautoscalers")
        assert found is not None
        assert found == registry.lookup_kind("autoscaling", version, "HorizontalPodAutoscaler")
        assert found[1].name == version
    assert registry.lookup("autoscaling", "v3", "horizontalpodautoscalers") is None
    assert registry.lookup("", "v1", "deployments") is None


def test_group_versions_are_preferred_first() -> None:
    registry = builtin_registry()
    assert registry.group_versions("autoscaling") == ("v2", "v1")
    assert registry.group_versions("no.such.group") == ()
    assert registry.groups()[0] == ""
    assert len(set(registry.groups())) == len(registry.groups()) == 22


@pytest.mark.parametrize(
    "ordered",
    [
        [
            "v10",
            "v2",
            "v1",
            "v11beta2",
            "v10beta3",
            "v3beta1",
            "v12alpha1",
            "v11alpha2",
            "foo1",
            "foo10",
        ]
    ],
)
def test_versions_sort_as_the_api_documents_it(ordered: list[str]) -> None:
    assert sorted({*ordered}, key=version_priority) == ordered


def test_custom_resources_come_and_go_and_each_change_counts() -> None:
    registry = Registry()
    widgets = WIDGETS.resource(
        "Widget",
        "widgets",
        versions=(WIDGETS.version("v1beta1", "Widget"), WIDGETS.version("v1", "Widget")),
    )
    registry.add(widgets)
    assert registry.group_versions("example.com") == ("v1", "v1beta1")
    before = registry.generation

    # The next version of its definition no longer serves v1beta1.
    newer = replace(
        widgets, versions=tuple(replace(v, served=v.name == "v1") for v in widgets.versions)
    )
    registry.add(newer)
    assert registry.generation > before
    assert registry.lookup("example.com", "v1beta1", "widgets") is None
    assert registry.group_versions("example.com") == ("v1",)
    assert registry.definitions() == (newer,)

    registry.remove(newer)
    assert registry.lookup("example.com", "v1", "widgets") is None
    assert registry.lookup_kind("example.com", "v1", "Widget") is None
    assert registry.groups() == ()


def test_one_group_version_lists_its_resources_by_name() -> None:
    registry = builtin_registry()
    names = [definition.plural for definition in registry.in_group_version("apps", "v1")]
    assert names == sorted(names)
    assert "deployments" in names
