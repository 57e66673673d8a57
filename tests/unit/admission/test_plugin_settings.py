"""Which plugins are on, and what the settings may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kapiserver.admission.chain import CREATE, Attributes
from kapiserver.admission.plugin import AdmissionSettings, Known
from kapiserver.admission.plugins import NAMES, PLUGINS, make_chain, problem_with
from kapiserver.request import UserInfo
from kapiserver.resources.registry import builtin_registry
from kapiserver.storage import ObjectStore

PAGE = Path(__file__).parents[3] / "docs/reference/admission.md"

PROBLEMS = [
    ((), (), ""),
    (("StorageObjectInUseProtection",), ("Priority",), ""),
    (("Nonsense", "Priority"), (), "--enable-admission-plugins: Nonsense: no such plugin; there "),
    ((), ("priority",), "--disable-admission-plugins: priority: no such plugin; there are "),
    (
        ("Priority",),
        ("Priority",),
        "--enable-admission-plugins and --disable-admission-plugins: Priority: both",
    ),
]


@pytest.mark.parametrize(("enable", "disable", "problem"), PROBLEMS)
def test_a_plugin_that_does_not_exist_is_an_error(
    enable: tuple[str, ...], disable: tuple[str, ...], problem: str
) -> None:
    found = problem_with(AdmissionSettings(enable, disable))
    assert found.startswith(problem)
    assert bool(found) == bool(problem)
    if "no such" in found:
        assert found.endswith(", ".join(sorted(NAMES)))


def test_the_page_says_what_is_on() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert [tuple(cell.strip(" `") for cell in row.split("|")[1:3]) for row in rows] == [
        (entry.name, "yes" if entry.on else "no") for entry in PLUGINS
    ]


def nothing_stored(group: str, plural: str) -> ObjectStore:
    raise AssertionError(f"{plural} are not needed for this")


PROTECTED = [
    ((), ("PodTopologyLabels", "NamespaceLifecycle"), ["a/b"]),
    (
        ("StorageObjectInUseProtection",),
        ("NamespaceLifecycle",),
        ["a/b", "kubernetes.io/pv-protection"],
    ),
]


@pytest.mark.parametrize(("enable", "disable", "finalizers"), PROTECTED)
async def test_settings_switch_plugins(
    enable: tuple[str, ...], disable: tuple[str, ...], finalizers: list[str]
) -> None:
    definition = builtin_registry().resource("", "persistentvolumes")
    assert definition is not None
    volume = {"metadata": {"name": "v", "finalizers": ["a/b"]}, "spec": {}}
    write = Attributes(CREATE, definition, "v1", "", "v", "", UserInfo("jane"), False, volume)
    await make_chain(Known(nothing_stored, AdmissionSettings(enable, disable))).mutate(write)
    assert volume["metadata"] == {"name": "v", "finalizers": finalizers}


async def test_the_seconds_are_settings() -> None:
    others = tuple(name for name in NAMES if name != "DefaultTolerationSeconds")
    definition = builtin_registry().resource("", "pods")
    assert definition is not None
    pod: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {}}
    write = Attributes(CREATE, definition, "v1", "x", "a", "", UserInfo("jane"), False, pod)
    chain = make_chain(Known(nothing_stored, AdmissionSettings((), others, 5, 0)))
    await chain.mutate(write)
    assert [t["tolerationSeconds"] for t in pod["spec"]["tolerations"]] == [5, 0]
