"""The cache of definitions costs nothing but time when it is missing, damaged or in the way."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from kapiserver.resources.schema import SchemaSet

POD = "io.k8s.api.core.v1.Pod"


def _cache(place: Path) -> Path:
    (found,) = place.iterdir()
    return found


def test_the_second_start_reads_what_the_first_wrote(tmp_path: Path) -> None:
    first = SchemaSet.load(tmp_path)
    written = _cache(tmp_path).stat().st_mtime_ns
    second = SchemaSet.load(tmp_path)
    assert _cache(tmp_path).stat().st_mtime_ns == written
    assert second.definition(POD) == first.definition(POD)
    assert set(second.names()) == set(first.names())


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "older"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: str) -> None:
    SchemaSet.load(tmp_path)
    path = _cache(tmp_path)
    data = bytearray(path.read_bytes())
    match damage:
        case "cut":
            del data[len(data) // 2 :]
        case "flip":
            data[len(data) // 2] ^= 1
        case "empty":
            data.clear()
        case "older":
            data[11] ^= 7
    path.write_bytes(data)
    assert "spec" in SchemaSet.load(tmp_path).definition(POD)["properties"]
    assert len(path.read_bytes()) > len(data) // 2


def test_without_a_writable_cache_the_definitions_are_still_there(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    assert "spec" in SchemaSet.load(blocked / "below").definition(POD)["properties"]


def test_the_users_cache_directory_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    SchemaSet.load()
    assert _cache(tmp_path / "kapiserver").name.startswith("schemas-")


def _start(place: str) -> bool:
    return POD in set(SchemaSet.load(Path(place)).names())


def test_nodes_that_start_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert all(pool.map(_start, [str(tmp_path)] * 6))
    assert len(list(tmp_path.iterdir())) == 1


def test_definitions_are_upstreams_again(schemas: SchemaSet) -> None:
    deployment = schemas.definition("io.k8s.api.apps.v1.Deployment")
    assert deployment["properties"]["apiVersion"]["type"] == "string"
    assert "enum" not in deployment["properties"]["kind"]
    assert deployment["properties"]["spec"]["$ref"] == (
        "#/definitions/io.k8s.api.apps.v1.DeploymentSpec"
    )
    port = schemas.definition("io.k8s.apimachinery.pkg.util.intstr.IntOrString")
    assert (port["type"], port["format"]) == ("string", "int-or-string")
