"""Suites that others wrote against kube-apiserver, run from the packages that they come in.

Nothing of them is part of this repository. What cannot pass, and why, is listed here by name; what
cannot run at all is in docs/reference/third-party-suites.md.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from e2e_cluster import Cluster

SUITES = Path(__file__).parent / "suites"
SECONDS = 120.0

# They need instances of custom resources, or apiextensions.k8s.io/v1beta1, gone since 1.22.
LEFT_OUT = "not custom_resources"

# by test: a part of the message that it fails with
OFFICIAL = {
    # it compares objects of two clients, which are never equal
    "test_cache_decoder_resource_and_subresource": "False is not true",
}
ASYNCHRONOUS = {
    # it applies a Deployment at the path of a pod, which kube-apiserver refuses in these words
    "test_server_side_apply_api": "invalid object type: apps/v1, Kind=Deployment",
}


def package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        pytest.skip(f"{name} is not installed")
    return Path(found.origin).parent


def outcomes(cluster: Cluster, folder: Path, *files: Path) -> dict[str, str]:
    """What pytest makes of the files, by test: "" for one that passed, else the message."""
    missing = [path for path in files if not path.exists()]
    if missing:
        pytest.skip(f"this version of the package has no {missing[0].name}")
    report = folder / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "e2e_test_base",
        "-p",
        "no:cacheprovider",
    ]
    command += ["-p", "no:trio", "-p", "no:kr8s", "-c", "/dev/null", "--rootdir", str(folder)]
    command += ["-k", LEFT_OUT]
    command += [f"--junitxml={report}", *map(str, files)]
    done = subprocess.run(
        command,
        env={**cluster.env, "PYTHONPATH": f"{SUITES}:{cluster.env.get('PYTHONPATH', '')}"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        problems = [child.get("message", "") for child in case if child.tag in ("failure", "error")]
        found[case.get("name", "")] = "".join(problems)
    assert found, done.stdout + done.stderr
    return found


def check(found: dict[str, str], expected: dict[str, str]) -> None:
    failed = {name: message for name, message in found.items() if message}
    assert failed.keys() == expected.keys(), failed
    for name, part in expected.items():
        assert part in failed[name], failed[name]


def test_the_dynamic_client_of_the_official_package(cluster: Cluster, tmp_path: Path) -> None:
    folder = package("kubernetes") / "dynamic"
    files = ("test_client.py", "test_discovery.py")
    check(outcomes(cluster, tmp_path, *(folder / name for name in files)), OFFICIAL)


def test_the_asynchronous_client_of_the_official_package(cluster: Cluster, tmp_path: Path) -> None:
    folder = package("kubernetes") / "aio" / "dynamic"
    files = ("client_test.py", "discovery_test.py")
    check(outcomes(cluster, tmp_path, *(folder / name for name in files)), ASYNCHRONOUS)
