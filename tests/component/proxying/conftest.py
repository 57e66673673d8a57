"""One server for the folder, and a kubelet with a Node and Pods for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fake_kubelet import FakeKubelet, fake_kubelet
from proxying_world import World

from kapiserver.pki import Authority
from kapiserver.testing import APIServer


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    """ca.crt, kubelet.crt/.key and the certificate that the server shows to kubelets."""
    folder = tmp_path_factory.mktemp("kubelet-pki")
    authority.write(folder)
    authority.server("node-1", ["127.0.0.1", "localhost"]).write(
        folder / "kubelet.crt", folder / "kubelet.key"
    )
    authority.client("kube-apiserver-kubelet-client", ["system:masters"]).write(
        folder / "client.crt", folder / "client.key"
    )
    return folder


@pytest.fixture(scope="session")
def api_server(pki: Path) -> Iterator[APIServer]:
    settings = {
        "kubelet-client-certificate": str(pki / "client.crt"),
        "kubelet-client-key": str(pki / "client.key"),
        "kubelet-certificate-authority": str(pki / "ca.crt"),
        "kubelet-preferred-address-types": "InternalIP",
    }
    with APIServer(settings) as server:
        yield server


@pytest.fixture
async def kubelet(tmp_path: Path, pki: Path) -> AsyncIterator[FakeKubelet]:
    folder = tmp_path / "container"
    folder.mkdir()
    async with fake_kubelet(
        folder, pki / "kubelet.crt", pki / "kubelet.key", pki / "ca.crt"
    ) as kubelet:
        yield kubelet


@pytest.fixture
async def world(api_server: APIServer, kubelet: FakeKubelet) -> World:
    api_server.reset()
    world = World(api_server, kubelet)
    await world.add_node()
    await world.add_pod("web")
    return world
