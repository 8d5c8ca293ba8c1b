"""The documentation says what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import architecture
from docs.generate import CONFIGURATION, README, ROOT, configuration, readme

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_readme_lists_the_keys_that_the_program_has() -> None:
    assert README.read_text("utf-8") == readme(), "write it anew: python -m docs.generate"


def test_configuration_lists_the_settings_that_the_program_has() -> None:
    assert CONFIGURATION.read_text("utf-8") == configuration(), "write it anew: python -m docs.generate"


def test_architecture_shows_the_rooms_that_the_code_has() -> None:
    assert architecture.PAGE.read_text("utf-8") == architecture.page(), "write it anew: python -m docs.architecture"


def test_architecture_tells_imports_that_are_loaded_from_those_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(architecture, "ROOT", tmp_path)
    sources = {
        "tui": "import httpx\nfrom sterna import chat\n\n\ndef run():\n    from storage import Store\n",
        "chat": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from sterna.storage.store import Store\n",
        "storage": "from . import clock\n",
    }
    for room, source in sources.items():
        (tmp_path / "sterna" / room).mkdir(parents=True)
        (tmp_path / "sterna" / room / "__init__.py").write_text(source)
    assert architecture.edges() == {("tui", "chat"): True, ("tui", "storage"): False, ("chat", "storage"): False}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_shows_or_names_is_there(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_the_source_that_a_page_names_is_there(page: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))
    pattern = re.compile(r"\.?[\w-]+(/[\w.-]+)*/([\w-]+\.(py|sql|tcss|txt|service|yml))?")
    named = [span for span in spans if pattern.fullmatch(span)]
    assert [span for span in named if not (ROOT / span).exists() and not (ROOT / "src/sterna" / span).exists()] == []


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"(?:^|[|;] |`)sterna ([a-z]+)", README.read_text("utf-8"), re.MULTILINE))
    sterna = Path(sys.executable).with_name("sterna")
    answer = subprocess.run([sterna, "--help"], capture_output=True, text=True, check=True).stdout
    assert named - set(re.findall(r"^  ([a-z]+)  ", answer, re.MULTILINE)) == set()
    assert {"ask", "doctor", "export"} <= named


def test_tables_that_are_described_exist(tmp_path: Path) -> None:
    from sterna.storage import Store

    store = Store.open(tmp_path / "account.db")
    there = {name for (name,) in store.db.execute("select name from sqlite_master")}
    store.close()
    page = CONFIGURATION.with_name("data.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert named - there == set()
