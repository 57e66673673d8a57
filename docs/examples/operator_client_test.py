"""The controller with the official client."""

from collections.abc import Iterator

import pytest
from kubernetes import client, config
from operator_client import run

from kapiserver.testing import APIServer


@pytest.fixture
def api(kapi: APIServer) -> Iterator[client.CoreV1Api]:
    with config.new_client_from_config(str(kapi.kubeconfig)) as connection:
        yield client.CoreV1Api(connection)


def make(api: client.CoreV1Api, name: str, **labels: str) -> None:
    metadata = client.V1ObjectMeta(name=name, labels=labels)
    api.create_namespaced_config_map("default", client.V1ConfigMap(metadata=metadata))


def test_what_has_expired_goes(api: client.CoreV1Api) -> None:
    make(api, "short", expires="0")
    make(api, "long", expires="3600")
    make(api, "forever")
    run(api, "default", seconds=2)
    left = api.list_namespaced_config_map("default").items
    assert [found.metadata.name for found in left] == ["forever", "long"]
