"""Every form in which `sterna export` and `show --json` write a conversation can be imported."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from sterna.storage import Attachment, Settled, Store
from tests.cli.conftest import Run
from tests.importers.imports import shown, statuses, take_path


def test_every_form_of_export_comes_back(run: Run, home: Path, tmp_path: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    store = _history(home / "data" / "account.db")
    texts = shown(store, "c1")
    store.close()
    run("list")
    forms = {
        "all.json": (), "all.zip": (), "lines.jsonl": ("c1", "--branches"), "document.zip": ("--format", "markdown"),
        "branches": ("--format", "markdown", "--branches"), "copy": ("--format", "sqlite"),
    }  # fmt: skip
    for name, arguments in forms.items():
        assert run("export", *arguments, "--output", str(tmp_path / name)).code == 0
    (tmp_path / "one.md").write_text(run("export", "--format", "markdown").out)
    (tmp_path / "shown.json").write_text(run("show", "c1", "--json").out)
    (tmp_path / "everything.json").write_text(run("export", "--everything").out)
    data = shutil.copytree(home / "data", tmp_path / "moved")
    for name in (*forms, "one.md", "shown.json", "everything.json", data.name):
        with closing(Store.open(tmp_path / f"{name}.db")) as other:
            assert statuses(take_path(other, tmp_path / name)) == ["new"], name
            assert shown(other, "c1") == texts, name
            assert other.conversations.get("c1").title == "Sea birds"
            assert statuses(take_path(other, tmp_path / name)) == ["unchanged"], name
            if name in ("all.zip", "document.zip", "branches", "moved"):
                (item,) = other.messages.after("c1", None, 9)[0].attachments
                assert (item.name, other.attachment_files.read(item.id)) == ("notes.txt", b"Terns dive.")
            if name in ("all.json", "lines.jsonl", "branches", "copy", "moved"):
                assert len(other.branches.ends("c1")) == 2
    account = run("import", str(tmp_path / "one.md"), "--json").json()
    assert account["sources"][0]["unchanged"] == 1


def _history(path: Path) -> Store:
    store = Store.open(path)
    store.conversations.create("Sea birds", session_id="c1")
    kept = store.attachment_files.add([b"Terns dive."])
    file = Attachment(kept.id, "notes.txt", "text/plain", kept.size)
    store.attachments.add(file)
    turn = store.live_replies.begin_turn(
        "c1", "What do terns do?\n\n```md\n## You · 2024-01-01 10:00\n```", model=None, attachments=[file]
    )
    reply = store.live_replies.settle(turn.reply.id, Settled("done", "They dive.", model="acme/small"))
    again = store.live_replies.begin_retry(reply.id, model="acme/large")
    store.live_replies.settle(again.reply.id, Settled("stopped", "They dive into"))
    return store
