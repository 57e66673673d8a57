"""Services with addresses of both IP families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from allocation_world import BOTH_FAMILIES, RANGES, Node, running, service


def families(spec: Any) -> tuple[str, list[str], list[bool]]:
    return (
        spec["ipFamilyPolicy"],
        spec["ipFamilies"],
        [":" in address for address in spec["clusterIPs"]],
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ("SingleStack", ["IPv4"], [False])),
        ({"ipFamilies": ["IPv6"]}, ("SingleStack", ["IPv6"], [True])),
        (
            {"ipFamilyPolicy": "PreferDualStack"},
            ("PreferDualStack", ["IPv4", "IPv6"], [False, True]),
        ),
        (
            {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]},
            ("RequireDualStack", ["IPv6", "IPv4"], [True, False]),
        ),
        ({"clusterIP": "fd00:96::5"}, ("SingleStack", ["IPv6"], [True])),
        (
            {
                "clusterIP": "fd00:96::5",
                "clusterIPs": ["fd00:96::5", "10.96.0.5"],
                "ipFamilyPolicy": "PreferDualStack",
            },
            ("PreferDualStack", ["IPv6", "IPv4"], [True, False]),
        ),
    ],
)
async def test_families_are_filled_in(dual: Node, wanted: Any, expected: Any) -> None:
    made = (await dual.create("web", **wanted)).spec
    assert families(made) == expected
    assert made["clusterIP"] == made["clusterIPs"][0]
    assert set(await dual.addresses()) == set(made["clusterIPs"])
    await dual.delete("web")
    assert await dual.addresses() == {}


async def test_a_service_grows_and_shrinks(dual: Node) -> None:
    first = (await dual.create("web")).spec["clusterIP"]
    both = (await dual.patch("web", ipFamilyPolicy="RequireDualStack")).spec
    assert families(both) == ("RequireDualStack", ["IPv4", "IPv6"], [False, True])
    assert both["clusterIPs"][0] == first
    assert set(await dual.addresses()) == set(both["clusterIPs"])
    one = (await dual.patch("web", ipFamilyPolicy="SingleStack")).spec
    assert families(one) == ("SingleStack", ["IPv4"], [False])
    assert set(await dual.addresses()) == {first}


async def test_a_manifest_that_knows_nothing_of_families_changes_none(dual: Node) -> None:
    made = (await dual.create("web", ipFamilyPolicy="PreferDualStack")).spec
    again = (await dual.put("web", service("web"))).spec
    assert again["clusterIPs"] == made["clusterIPs"]
    assert again["ipFamilyPolicy"] == "PreferDualStack"


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (
            {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4", "IPv6"]},
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are",
        ),
        (
            {"ipFamilies": ["IPv4", "IPv4"], "ipFamilyPolicy": "PreferDualStack"},
            'spec.ipFamilies[1]: Duplicate value: "IPv4"',
        ),
        (
            {
                "clusterIP": "10.96.0.3",
                "clusterIPs": ["10.96.0.3", "10.96.0.4"],
                "ipFamilyPolicy": "PreferDualStack",
            },
            "may specify no more than one IP for each IP family",
        ),
        (
            {"clusterIP": "10.96.0.3", "ipFamilies": ["IPv6"]},
            "expected an IPv6 value as indicated by `ipFamilies[0]`",
        ),
    ],
)
async def test_families_that_make_no_sense(dual: Node, wanted: Any, problem: str) -> None:
    refused = await dual.create("web", **wanted)
    assert refused.status == 422
    assert problem in refused.message
    assert await dual.addresses() == {}


async def test_the_second_address_goes_only_when_the_client_says_so(dual: Node) -> None:
    made = (await dual.create("web", ipFamilyPolicy="PreferDualStack")).spec
    refused = await dual.patch("web", clusterIPs=made["clusterIPs"][:1])
    assert (
        'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": '
        "must be 'SingleStack' to release the secondary cluster IP" in refused.message
    )
    assert len(await dual.addresses()) == 2


async def test_a_cluster_becomes_dual_stack(tmp_path: Path) -> None:
    async with running(tmp_path) as (node,):
        first = (await node.create("web")).spec["clusterIP"]
    async with running(tmp_path, ranges=BOTH_FAMILIES) as (node,):
        found = (await node.request("GET", f"{RANGES}/kubernetes")).json
        assert found["spec"]["cidrs"] == list(BOTH_FAMILIES)
        both = (await node.patch("web", ipFamilyPolicy="PreferDualStack")).spec
        assert both["ipFamilies"] == ["IPv4", "IPv6"]
        assert both["clusterIPs"][0] == first
