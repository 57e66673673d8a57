"""`kubectl --as`: whoever may act as somebody else is that somebody; others are refused."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api

REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


async def who(api: Api, **headers: str) -> dict[str, Any]:
    sent = {f"impersonate-{name.replace('_', '-')}": value for name, value in headers.items()}
    answer = await api.request("POST", REVIEWS, REVIEW, headers=sent)
    assert answer.status == 201, answer.text
    info: dict[str, Any] = answer.json["status"]["userInfo"]
    return info


async def test_a_user_with_groups_and_more(api: Api) -> None:
    info = await who(api, user="jane", group="dev", uid="u1", extra_scopes="view")
    assert info == {
        "username": "jane",
        "uid": "u1",
        "groups": ["dev", "system:authenticated"],
        "extra": {"scopes": ["view"]},
    }


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("jane", ["system:authenticated"]),
        ("jane:doe", ["system:authenticated"]),
        (
            "system:serviceaccount:ns:robot",
            ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
        ),
    ],
)
async def test_groups_that_come_with_a_name(api: Api, name: str, groups: list[str]) -> None:
    assert await who(api, user=name) == {"username": name, "groups": groups}


async def test_the_rights_are_those_of_who_is_acted_as(api: Api) -> None:
    refused = await api.request("GET", "/api/v1/nodes", headers={"impersonate-user": "jane"})
    assert (refused.status, refused.json["message"]) == (
        403,
        'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the '
        "cluster scope",
    )


async def test_nobody_has_no_rights_of_those_who_are_known(api: Api) -> None:
    headers = {"impersonate-user": "system:anonymous"}
    refused = await api.request("POST", REVIEWS, REVIEW, headers=headers)
    assert refused.status == 403


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {"impersonate-user": "admin", "impersonate-group": "system:masters"},
            'users "admin" is forbidden: User "jane" cannot impersonate resource "users" in API '
            'group "" at the cluster scope',
        ),
        (
            {"impersonate-user": "system:serviceaccount:ns:robot"},
            'serviceaccounts "robot" is forbidden: User "jane" cannot impersonate resource '
            '"serviceaccounts" in API group "" in the namespace "ns"',
        ),
    ],
)
async def test_not_everybody_may(api: Api, headers: dict[str, str], message: str) -> None:
    refused = await api.request("GET", "/api/v1/nodes", token="jane-token", headers=headers)
    assert (refused.status, refused.json["message"]) == (403, message)


async def test_a_group_alone_is_nobody(api: Api) -> None:
    headers = {"impersonate-group": "system:masters"}
    for token in ("admin-token", "jane-token"):
        refused = await api.request("GET", "/api/v1/nodes", token=token, headers=headers)
        assert (refused.status, refused.json["reason"]) == (400, "BadRequest")
