"""``sterna import``: what a person sees of an import, its account, its undo and its failures."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sterna.importers.importing import Import
from tests.cli.conftest import Run


def node(id_: str, parent: str | None, role: str, text: str) -> dict[str, Any]:
    message = {
        "id": id_,
        "author": {"role": role},
        "create_time": 1_700_000_000.0 + len(id_),
        "content": {"content_type": "text", "parts": [text]},
    }
    return {"id": id_, "parent": parent, "message": message}


def export(path: Path, *names: str, answer: str = "A bird.", updated: float = 1_700_000_100.0) -> Path:
    """Write an archive as ChatGPT exports it."""
    conversations: list[Any] = [
        {
            "id": name,
            "title": f"About {name}",
            "create_time": 1_700_000_000.0,
            "update_time": updated,
            "mapping": {
                node["id"]: node for node in (node("q", None, "user", f"What is {name}?"),
                                              node("aa", "q", "assistant", answer))
            },
            "current_node": "aa",
        }
        for name in names
    ]  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", json.dumps([*conversations, None]))
    return path


def titles(run: Run, *arguments: str) -> set[str]:
    return {row["title"] for row in run("list", "--json", *arguments).lines()}


def test_an_export_is_recognized_taken_once_and_taken_back(run: Run, tmp_path: Path) -> None:
    path = str(export(tmp_path / "export.data", "terns", "gulls"))
    done = run("import", path, "--tag", "old")
    assert done.code == 0
    assert done.out == "ChatGPT: 3 conversations (2 new, 1 skipped), 4 messages added\n"
    assert "Skipped:\n  conversations.json" in done.err
    assert "Take it back with: sterna import --undo 1" in done.err
    assert titles(run, "#old") == {"About terns", "About gulls"}
    assert run("import", path).out == "ChatGPT: 3 conversations (2 unchanged, 1 skipped)\n"
    export(tmp_path / "export.data", "terns", answer="A seabird.", updated=1_700_000_200.0)
    assert run("import", path).out == "ChatGPT: 2 conversations (1 updated, 1 skipped)\n"
    (hit,) = [row for row in run("search", "seabird", "--json").lines() if row["message_id"]]
    assert hit["at"].startswith("2023-11-14")
    assert [row["counts"]["new"] for row in run("import", "--runs", "--json").lines()] == [0, 2]
    assert run("import", "--undo").out == (
        "Import 3 taken back: 0 conversations moved to the trash, 1 as before the import.\n"
    )
    assert run("search", "seabird").code == 1
    undone = run("import", "--undo", "1", "--json").json()
    assert undone == {"run": 1, "removed": 2, "restored": 0, "kept": 0}
    assert titles(run) == set()
    run("undo")
    assert titles(run) == {"About terns", "About gulls"}
    nothing = run("import", "--undo")
    assert nothing.code == 1
    assert nothing.err == "sterna: There is no import to take back.\n"


def test_a_dry_run_says_all_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    path = str(export(tmp_path / "a.zip", "terns"))
    export(tmp_path / "b.zip", "terns")
    account = run("import", "--dry-run", "--json", path).json()
    assert (account["run"], account["dry_run"]) == (None, True)
    assert (account["sources"][0]["new"], account["sources"][0]["messages"]) == (1, 2)
    assert account["skipped"][0]["source"] == "chatgpt"
    assert "(1 new, 1 unchanged, 2 skipped)" in run("import", "--dry-run", str(tmp_path)).out
    assert titles(run) == set()
    assert run("import", "--runs").out == ""


def test_what_was_deleted_here_comes_back_only_when_it_is_wanted(run: Run, tmp_path: Path) -> None:
    path = str(export(tmp_path / "a.zip", "terns"))
    run("import", path)
    run("delete", "--yes", "last")
    assert "(1 deleted here, 1 skipped)" in run("import", path).out
    assert titles(run) == set()
    assert "(1 new, 1 skipped)" in run("import", "--restore", path).out
    assert titles(run) == {"About terns"}


def test_what_is_deleted_after_an_undo_stays_deleted(run: Run, tmp_path: Path) -> None:
    path = str(export(tmp_path / "a.zip", "terns"))
    run("import", path)
    export(tmp_path / "a.zip", "terns", answer="A seabird.", updated=1_700_000_200.0)
    run("import", path)
    run("import", "--undo")
    run("delete", "--yes", "last")
    assert "(1 deleted here, 1 skipped)" in run("import", path).out
    run("undo")
    run("import", "--undo", "1")
    assert "(1 new, 1 skipped)" in run("import", "--dry-run", path).out
    run("undo")
    run("delete", "--yes", "last")
    assert "(1 deleted here, 1 skipped)" in run("import", path).out


def test_what_cannot_be_read_is_named_and_the_rest_is_taken(run: Run, tmp_path: Path) -> None:
    good = str(export(tmp_path / "a.zip", "terns"))
    (tmp_path / "notes.bin").write_bytes(b"\x00\x01nothing")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:80])
    done = run("import", str(tmp_path / "notes.bin"), str(tmp_path / "cut.zip"), str(tmp_path / "gone"), good)
    assert done.code == 1
    assert titles(run) == {"About terns"}
    assert "notes.bin has no history that Sterna recognizes. It reads: " in done.err
    assert "ChatGPT, " in done.err
    assert "cut.zip is a damaged zip archive; it may be cut short. Get it again." in done.err
    assert "There is no file or folder" in done.err
    for arguments, sentence in (
        (("import",), "Name a file or a folder to import."),
        (("import", "--from", "nobody", good), "There is no reader nobody."),
        (("import", ""), "Name a file or a folder to import."),
        (("import", "--undo", "x"), "--undo takes the number of an import."),
    ):
        wrong = run(*arguments)
        assert wrong.code == 2
        assert sentence in wrong.err
    forced = run("import", "--from", "chatgpt", str(tmp_path / "notes.bin"))
    assert forced.code == 1
    assert "ChatGPT: " in forced.out
    (tmp_path / "empty.json").write_text("")
    for arguments, sentence in (
        (("import", str(tmp_path / "empty.json")), "empty.json is empty."),
        (("import", "--from", "elia", str(tmp_path)), "has nothing that looks like elia. Name one file"),
        (("import", "~nobody-here/x"), "There is no file or folder ~nobody-here/x."),
        (("import", "--undo", "9" * 30), f"There is no import {'9' * 30} to take back."),
    ):
        failed = run(*arguments)
        assert failed.code == 1
        assert sentence in failed.err
    table = tmp_path / "notes.db"
    table.write_bytes(b"SQLite format 3\0" + bytes(5_000))
    assert "\n  notes.db: " in run("import", "--from", "elia", str(table)).err
    names = [row["name"] for row in run("import", "--list", "--json").lines()]
    assert {"chatgpt", "claude"} <= set(names)


def test_an_interrupted_import_keeps_what_is_in_and_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(export(tmp_path / "a.zip", "terns", *(f"gull {n}" for n in range(11))))
    whole = Import.count

    def interrupted(self: Import, *taken: Any) -> None:
        whole(self, *taken)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("sterna.importers.importing.BATCH_CHARACTERS", 1)
        patch.setattr(Import, "count", interrupted)
        stopped = run("import", path)
    assert stopped.code == 130
    assert "Stopped. What is imported stays; the same command goes on from here." in stopped.err
    assert stopped.out.startswith(f"ChatGPT: {len(titles(run))} conversation")
    assert "About terns" in titles(run)
    assert len(titles(run)) < 12
    assert run("import", "--runs").out.count("(stopped)") == 1
    assert f" {len(titles(run))} unchanged, 1 skipped)" in run("import", path).out
    assert len(titles(run)) == 12
