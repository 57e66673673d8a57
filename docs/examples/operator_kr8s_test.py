"""The kr8s controller. Every test starts with an empty cluster."""

import kr8s
import pytest
from kr8s.objects import Namespace, ResourceQuota
from operator_kr8s import reconcile

from kapiserver.testing import APIServer


@pytest.fixture
def api(kapi: APIServer) -> kr8s.Api:
    return kr8s.api(kubeconfig=str(kapi.kubeconfig))


def make(api: kr8s.Api, name: str, **labels: str) -> Namespace:
    namespace = Namespace({"metadata": {"name": name, "labels": labels}}, api=api)
    namespace.create()
    return namespace


def test_teams_get_a_quota(api: kr8s.Api) -> None:
    make(api, "blue", team="blue", size="large")
    make(api, "other")
    assert reconcile(api) == 1
    quota = ResourceQuota.get("team", namespace="blue", api=api)
    assert quota.spec.hard.pods == "100"


def test_nothing_is_written_twice(api: kr8s.Api) -> None:
    make(api, "blue", team="blue")  # the namespace of the test before is gone
    assert reconcile(api) == 1
    assert reconcile(api) == 0


def test_a_team_that_grows_gets_more(api: kr8s.Api) -> None:
    blue = make(api, "blue", team="blue")
    reconcile(api)
    blue.label(size="large")
    assert reconcile(api) == 1
    assert ResourceQuota.get("team", namespace="blue", api=api).spec.hard.pods == "100"
