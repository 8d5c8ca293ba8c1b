"""Attachments on the command line: asked about, listed, saved, exported."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from sterna.storage import Store, open_account
from tests.cli.conftest import Run
from tests.fake_openai import Server

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("terns fly far")
    return path


def test_files_and_standard_input_go_with_the_prompt(run: Run, server: Server, notes: Path, tmp_path: Path) -> None:
    (tmp_path / "more.md").write_text("# gulls")
    result = run("ask", "-a", str(notes), "-a", "-", "-a", str(tmp_path / "more.md"), "Sum up", stdin=b"from a pipe")
    assert result.code == 0, result.err
    (message,) = server.fake.requests[0]["messages"]
    assert message["content"] == (
        '<attachment name="notes.txt">\nterns fly far\n</attachment>\n\n'
        '<attachment name="standard input">\nfrom a pipe\n</attachment>\n\n'
        '<attachment name="more.md">\n# gulls\n</attachment>\n\nSum up'
    )
    assert [item["name"] for item in run("attachments", "--json").lines()] == ["notes.txt", "standard input", "more.md"]
    shown = run("show", "last")
    assert "[attached: notes.txt, 13 B]" in shown.out
    assert "Sum up" in shown.out


def test_without_a_prompt_the_file_is_the_question(run: Run, notes: Path) -> None:
    assert run("ask", "-a", str(notes), stdin=b"").code == 0
    assert run("list", "--json").lines()[0]["title"] == "notes.txt"


def test_a_file_that_cannot_be_sent_ends_the_command_with_a_sentence(run: Run, server: Server, tmp_path: Path) -> None:
    result = run("ask", "-a", str(tmp_path), "what?", stdin=b"")
    assert (result.code, server.fake.requests) == (1, [])
    assert "is a folder. Attach its files one by one." in result.err
    assert run("ask", "-a", "-", "-a", "-", "what?", stdin=b"x").code == 2


def test_nothing_is_kept_of_a_prompt_that_is_not_stored(run: Run, server: Server, notes: Path, home: Path) -> None:
    assert run("ask", "--no-store", "-a", str(notes), "Sum up", stdin=b"").code == 0
    assert "terns fly far" in server.fake.requests[0]["messages"][0]["content"]
    assert list(home.rglob("*-attachments")) == []


def test_files_are_exported_beside_the_texts_or_in_a_zip_file(run: Run, notes: Path, tmp_path: Path) -> None:
    run("ask", "-a", str(notes), "Sum up", stdin=b"")
    (listed,) = run("attachments", "--json").lines()
    name = f"{listed['id'][:8]}-notes.txt"
    assert run("export", "--format", "markdown", "-o", str(tmp_path / "out")).code == 0
    (text,) = (tmp_path / "out").glob("*.md")
    assert f"- Attached: [notes.txt](<attachments/{name}>)" in text.read_text()
    assert (tmp_path / "out" / "attachments" / name).read_text() == "terns fly far"
    for form, member in (("json", "export.json"), ("markdown", text.name)):
        target = tmp_path / f"{form}.zip"
        assert run("export", "--format", form, "-o", str(target)).code == 0
        with zipfile.ZipFile(target) as archive:
            assert sorted(archive.namelist()) == sorted([f"attachments/{name}", member])
            assert archive.read(f"attachments/{name}") == b"terns fly far"
    assert run("attachments", "-o", str(tmp_path / "saved")).code == 0
    assert (tmp_path / "saved" / "attachments" / name).read_text() == "terns fly far"
    assert listed["path"].endswith(listed["id"])


def test_files_that_the_server_does_not_take_are_told(run: Run, notes: Path, home: Path) -> None:
    run("ask", "-a", str(notes), "Sum up", stdin=b"")
    (listed,) = run("attachments", "--json").lines()
    store = Store.open(open_account(home / "data"))
    store.attachments.mark_refused(listed["id"], "The server has no room left for your files.")
    store.close()
    sentence = "1 attached file is not synced. The server has no room left for your files. See: sterna attachments"
    assert sentence in run("sync", "status").out
    assert "(not synced: The server has no room left for your files.)" in run("attachments").out
