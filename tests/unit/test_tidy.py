"""The architecture as tests: imports point one way, files stay small, errors are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("raftstore", "kapiserver", "chaos")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MAX_LINES = 500

# Rooms of kapiserver, lower ones first. A room may import from its own level and from below.
LEVELS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "version",
        "config",
        "histogram",
        "json_syntax",
        "logs",
        "remembering",
        "setting_table",
        "setting_values",
    ),
    ("request", "pki"),
    ("websockets",),
    ("storage",),
    ("resources",),
    ("pipeline", "authn", "authz", "audit", "admission", "api", "proxying"),
    ("allocation", "controllers", "cluster", "metrics"),
    ("http",),
    ("server",),
    ("testing",),
    ("cli", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def top_level_imports(path: Path) -> Iterator[str]:
    """Modules of ours that are imported when `path` is (not those for type checkers only)."""
    package = (
        module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    )
    for node in ast.parse(path.read_text()).body:
        if is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in MODULES else base


IMPORTS = {
    name: {imported for imported in top_level_imports(path) if imported in MODULES}
    for name, path in MODULES.items()
}


def test_raftstore_knows_nothing_of_kubernetes() -> None:
    wrong = {
        name: imported
        for name, imports in IMPORTS.items()
        for imported in imports
        if name.startswith("raftstore") and not imported.startswith("raftstore")
    }
    assert not wrong


def test_imports_between_rooms_point_down() -> None:
    def room(name: str) -> str | None:
        parts = name.split(".")
        return parts[1] if parts[0] == "kapiserver" and len(parts) > 1 else None

    wrong = []
    for name, imports in IMPORTS.items():
        own = room(name)
        for imported in imports:
            other = room(imported)
            if own and other and own != other and LEVEL[own] < LEVEL[other]:
                wrong.append(f"{name} imports {imported}")
    assert not wrong


def test_nothing_imports_in_a_circle() -> None:
    state: dict[str, int] = {}
    circles: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if state.get(name) == 2:
            return
        if state.get(name) == 1:
            circles.append(" → ".join([*path[path.index(name) :], name]))
            return
        state[name] = 1
        for imported in sorted(IMPORTS[name]):
            # a package's __init__ that gathers its own rooms is no circle
            if not name.startswith(imported + "."):
                visit(imported, (*path, name))
        state[name] = 2

    for name in MODULES:
        visit(name, ())
    assert not circles


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_room(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MAX_LINES, "split it: a file has one reason to change"
    tree = ast.parse(text)
    if text.strip():
        assert ast.get_docstring(tree), "say what comes in and what goes out"
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: name what is caught"


GENERIC = ("api", "pipeline", "storage", "http", "admission", "audit", "authn", "authz")


def test_generic_code_knows_no_kind() -> None:
    pattern = re.compile(r"""\bkind\s*(==|!=|in)\s*[({\[]*\s*["'](?!\w*Options)[A-Z]""")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for room in GENERIC
        for path in (ROOT / "kapiserver" / room).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line) and not line.lstrip().startswith("#")
    ]
    assert not wrong


def test_no_unfinished_business() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|NotImplemented\b(?!Error))")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert not wrong
