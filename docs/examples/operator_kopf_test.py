"""The kopf operator, run against a real API server, its garbage collector included."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import kr8s
import pytest
from kopf.testing import KopfRunner
from kr8s.objects import ConfigMap

OPERATOR = Path(__file__).with_name("operator_kopf.py")


@pytest.fixture
def operator(kapi_kubeconfig: Path) -> Iterator[None]:
    with KopfRunner(["run", str(OPERATOR), "-n", "default"], timeout=60):
        yield


def make(api: kr8s.Api, name: str, **data: str) -> ConfigMap:
    labels = {"greet": "yes"}
    made = ConfigMap({"metadata": {"name": name, "labels": labels}, "data": data}, api=api)
    made.create()
    return made


def text_of(api: kr8s.Api, name: str) -> str | None:
    found = ConfigMap(name, namespace="default", api=api)
    try:
        found.refresh()
    except kr8s.NotFoundError:
        return None
    return str(found.data.text)


def eventually(is_true: Callable[[], bool], seconds: float = 30) -> None:
    """The operator works in the background: ask until it has done it."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_greeting_is_made_follows_and_goes(operator: None, kapi_kubeconfig: Path) -> None:
    api = kr8s.api(kubeconfig=str(kapi_kubeconfig))
    ada = make(api, "ada", who="Ada")
    eventually(lambda: text_of(api, "ada-greeting") == "Hello, Ada!")

    ada.patch({"data": {"who": "Countess"}})
    eventually(lambda: text_of(api, "ada-greeting") == "Hello, Countess!")

    ada.delete()
    eventually(lambda: text_of(api, "ada-greeting") is None)
