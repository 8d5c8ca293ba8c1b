"""The documentation says what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import CONFIGURATION, README, configuration, readme


def test_readme_lists_the_keys_that_the_program_has() -> None:
    assert README.read_text("utf-8") == readme(), "write it anew: python -m docs.generate"


def test_configuration_lists_the_settings_that_the_program_has() -> None:
    assert CONFIGURATION.read_text("utf-8") == configuration(), "write it anew: python -m docs.generate"


@pytest.mark.parametrize(
    "page", [README, CONFIGURATION, CONFIGURATION.with_name("data.md")], ids=lambda page: page.name
)
def test_every_file_that_a_page_shows_or_names_is_there(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"(?:^|[|;] |`)sterna ([a-z]+)", README.read_text("utf-8"), re.MULTILINE))
    sterna = Path(sys.executable).with_name("sterna")
    told = subprocess.run([sterna, "--help"], capture_output=True, text=True, check=True).stdout
    assert named - set(re.findall(r"^  ([a-z]+)  ", told, re.MULTILINE)) == set()
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
