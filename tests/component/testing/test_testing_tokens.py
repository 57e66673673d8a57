"""Tokens as a user has them from kubectl: made, used, reviewed, ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kapiserver.testing import APIServer

KUBECTL = Path(sys.executable).parent / "kubectl"


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    if not KUBECTL.exists():
        pytest.skip("kubectl is not installed")
    with APIServer() as found:
        yield found


def kubectl(
    server: APIServer, *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(KUBECTL), *arguments],
        env=server.env(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def output(server: APIServer, *arguments: str, stdin: str | None = None) -> str:
    done = kubectl(server, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def as_token(server: APIServer, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Without the administrator's certificate, which would come first."""
    return kubectl(
        server,
        "--kubeconfig=/dev/null",
        f"--server={server.url}",
        f"--certificate-authority={server.ca}",
        f"--token={token}",
        *arguments,
    )


def test_a_token_for_the_default_account_of_the_default_namespace(server: APIServer) -> None:
    token = output(server, "create", "token", "default")
    who = as_token(server, token, "auth", "whoami", "-o", "json")
    info = json.loads(who.stdout)["status"]["userInfo"]
    assert info["username"] == "system:serviceaccount:default:default"
    refused = as_token(server, token, "get", "pods")
    assert 'User "system:serviceaccount:default:default" cannot list resource' in refused.stderr
    listed = as_token(server, token, "auth", "can-i", "--list").stdout
    assert "selfsubjectaccessreviews.authorization.k8s.io" in listed
    assert as_token(server, token, "auth", "can-i", "get", "pods").stdout.strip() == "no"


def review(server: APIServer, token: str) -> dict[str, Any]:
    asked = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    }
    answer = output(server, "create", "-f", "-", "-o", "json", stdin=json.dumps(asked))
    status: dict[str, Any] = json.loads(answer)["status"]
    return status


def test_a_token_ends_with_its_secret(server: APIServer) -> None:
    output(server, "create", "serviceaccount", "robot")
    output(server, "create", "secret", "generic", "leash")
    bound = ("--bound-object-kind=Secret", "--bound-object-name=leash", "--duration=20m")
    token = output(server, "create", "token", "robot", *bound)
    assert review(server, token)["user"]["username"] == "system:serviceaccount:default:robot"
    output(server, "delete", "secret", "leash")
    assert "service account token has been invalidated" in review(server, token)["error"]
    assert "Unauthorized" in as_token(server, token, "auth", "whoami").stderr


def test_component_statuses_are_a_table(server: APIServer) -> None:
    done = kubectl(server, "get", "componentstatuses", "etcd-0", "--no-headers")
    assert done.stdout.split() == ["etcd-0", "Healthy", "ok"]
    assert "v1 ComponentStatus is deprecated in v1.19+" in done.stderr
