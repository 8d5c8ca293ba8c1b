"""Attachments on the screen: chosen, dropped, removed, sent, kept when nothing is sent."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from home import Home, frame, notices, settled, until, write
from PIL import Image
from textual.pilot import Pilot

from sterna.providers import Model
from sterna.providers.model_traits import Traits
from sterna.storage import Attachment, Drafts
from sterna.tui.app import SternaApp
from sterna.tui.prompt.attachments import AttachmentRow

SIZE = (80, 24)


def names(app: SternaApp) -> list[str]:
    return [item.name for item in app.main.attachments.items]


async def started(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, lambda: app.context.ready.is_set() and app.main.conversation.reopened)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    target = BytesIO()
    Image.new("RGB", (40, 20), "navy").save(target, "PNG")
    path = tmp_path / "tern in flight.png"
    path.write_bytes(target.getvalue())
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("terns")
    return path


async def test_files_dropped_on_the_terminal_are_attached_and_sent(home: Home, picture: Path, notes: Path) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await write(pilot, f"'{picture}' {notes} ")
        await until(pilot, lambda: sorted(names(app)) == ["notes.txt", "tern in flight.png"])
        await settled(pilot, app)
        assert app.main.prompt.text == ""
        assert "notes.txt" in frame(app)
        assert "✕" in frame(app)
        await write(pilot, "What is this?")
        await pilot.press("enter")
        await until(pilot, lambda: home.model.requests)
        (message,) = home.model.requests[0].messages
        assert (len(message.images), "terns" in message.content) == (1, True)
        await until(pilot, lambda: not app.context.turns.running())  # type: ignore[union-attr]
        await settled(pilot, app)
        assert names(app) == []
        assert not app.main.query_one(AttachmentRow).display
        assert "tern in flight.png  " in frame(app)
        assert "image" in frame(app)


async def test_a_path_that_names_no_file_is_text(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await write(pilot, "/no/such/file")
        await until(pilot, lambda: app.main.prompt.text == "/no/such/file")
        assert names(app) == []


async def test_a_removed_attachment_comes_back_by_undo_in_the_order_of_what_was_done(
    home: Home, picture: Path, notes: Path
) -> None:
    ids = home.seed(("one", "1"), ("two", "2"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await write(pilot, f"{notes}")
        await until(pilot, lambda: names(app) == ["notes.txt"])
        await write(pilot, f"'{picture}'")
        await until(pilot, lambda: len(names(app)) == 2)
        await settled(pilot, app)
        await pilot.click(AttachmentRow, offset=(3, 0))
        await until(pilot, lambda: names(app) == ["tern in flight.png"])
        await until(pilot, lambda: "Removed notes.txt. ctrl+_ undoes this." in notices(app))
        app.main.conversation_actions.request_delete([ids[0]])
        await until(pilot, lambda: "Deleted “one”" in notices(app))
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: "Restored “one”" in notices(app))
        app.main.navigation.go_to(None)
        await until(pilot, lambda: names(app) == ["tern in flight.png"])
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: names(app) == ["notes.txt", "tern in flight.png"])
        stored = await app.context.store.run(Drafts.attachments, None)
        assert [item.name for item in stored] == names(app)


async def test_an_edit_has_the_files_of_its_message_and_takes_others_while_those_of_the_draft_wait(
    home: Home, picture: Path, notes: Path
) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await write(pilot, f"{notes}")
        await until(pilot, lambda: names(app) == ["notes.txt"])
        await write(pilot, "What is this?")
        await pilot.press("enter")
        await until(pilot, lambda: home.model.requests and not app.context.turns.running())  # type: ignore[union-attr]
        await write(pilot, f"'{picture}'")
        await until(pilot, lambda: names(app) == ["tern in flight.png"])
        await pilot.press("up")
        await until(pilot, lambda: names(app) == ["notes.txt"])
        table = notes.with_name("table.csv")
        table.write_text("a,b")
        await write(pilot, f"{table}")
        await until(pilot, lambda: names(app) == ["notes.txt", "table.csv"])
        await settled(pilot, app)
        await pilot.click(AttachmentRow, offset=(3, 0))
        await until(pilot, lambda: names(app) == ["table.csv"])
        await pilot.press("f10")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await until(pilot, lambda: names(app) == ["table.csv"])
        assert app.main.prompt.text == "What is this?"
        await write(pilot, " Really?")
        await pilot.press("enter")
        await until(pilot, lambda: len(home.model.requests) == 2)
        asked = home.model.requests[1].messages[-1].content
        assert "a,b" in asked
        assert "terns" not in asked
        await until(pilot, lambda: names(app) == ["tern in flight.png"])
        await until(pilot, lambda: not app.context.turns.running())  # type: ignore[union-attr]
        await pilot.press("up")
        await until(pilot, lambda: names(app) == ["table.csv"])
        await pilot.press("escape")
        await until(pilot, lambda: names(app) == ["tern in flight.png"])
    with closing(home.open()) as store:
        (row,) = store.conversations.page(0, 9)
        assert [item.name for item in store.drafts.attachments(row.id)] == ["tern in flight.png"]


async def test_a_message_that_waited_takes_another_file_once_it_is_taken_back(home: Home, notes: Path) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        home.model.say("a long reply")
        home.model.hold()
        await write(pilot, "one")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.live_reply is not None)
        await write(pilot, "two")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.prompt.text == "" and app.main.queue_bar.display)
        await pilot.press("alt+q")
        await until(pilot, lambda: app.main.prompt.text == "two")
        await write(pilot, f"{notes}")
        await until(pilot, lambda: names(app) == ["notes.txt"])
        await pilot.press("enter")
        await until(pilot, lambda: app.main.prompt.text == "" and app.main.queue_bar.display)
        home.model.release()
        await until(pilot, lambda: len(home.model.requests) == 2)
        assert "terns" in home.model.requests[1].messages[-1].content


async def test_an_attachment_is_sent_without_text(home: Home, notes: Path) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await write(pilot, str(notes))
        await until(pilot, lambda: names(app) == ["notes.txt"])
        await pilot.press("enter")
        await until(pilot, lambda: home.model.requests)
        assert home.model.requests[0].messages[0].content.endswith("</attachment>\n\nnotes.txt")


async def test_a_click_and_a_key_remove_an_attachment(home: Home, notes: Path, picture: Path) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        app.main.attachments.add([notes])
        await until(pilot, lambda: names(app) == ["notes.txt"])
        await settled(pilot, app)
        await pilot.click(AttachmentRow, offset=(4, 0))
        await until(pilot, lambda: names(app) == [])
        app.main.attachments.add([notes, picture])
        await until(pilot, lambda: len(names(app)) == 2)
        await pilot.press("alt+x")
        await until(pilot, lambda: "Remove an attachment" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: len(names(app)) == 1)
        await pilot.press("alt+x")
        await until(pilot, lambda: names(app) == [])


async def test_what_cannot_be_attached_is_said(home: Home, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(b"ID3\x00")
    app = home.app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await started(pilot, app)
        app.main.attachments.add([tmp_path / "song.mp3"])
        await until(pilot, lambda: "Not attached." in frame(app))
        assert "song.mp3 is neither text, PDF nor an image" in " ".join(frame(app).split())


async def test_attachments_wait_in_the_draft_of_their_conversation(home: Home, notes: Path) -> None:
    (session_id,) = home.seed(("Terns", "fly"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        app.main.navigation.go_to(session_id)
        await until(pilot, lambda: app.main.conversation.id == session_id)
        app.main.attachments.add([notes])
        await until(pilot, lambda: names(app) == ["notes.txt"])
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.main.conversation.id is None and names(app) == [])
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        assert (app.main.conversation.id, names(app)) == (None, [])
        app.main.navigation.go_to(session_id)
        await until(pilot, lambda: names(app) == ["notes.txt"])


async def test_a_model_without_eyes_gets_nothing_and_text_and_image_stay(home: Home, picture: Path) -> None:
    async def listed() -> list[Model]:
        return [Model("test", "small", context_length=8_000, traits=Traits(input_modalities=("text",)))]

    home.model.models = listed  # type: ignore[method-assign]
    app = home.app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await started(pilot, app)
        app.main.attachments.add([picture])
        await until(pilot, lambda: len(names(app)) == 1)
        await write(pilot, "What is this?")
        await pilot.press("enter")
        await until(pilot, lambda: "takes no images" in " ".join(frame(app).split()))
        assert (app.main.prompt.text, names(app), home.model.requests) == ("What is this?", [picture.name], [])


@pytest.mark.parametrize("key", ["tab", "right"])
async def test_a_path_can_be_typed_and_is_completed(
    home: Home, notes: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.chdir(notes.parent)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await pilot.press("alt+u")
        await until(pilot, lambda: "Attach a file" in frame(app))
        await write(pilot, "no")
        await until(pilot, lambda: "notes.txt" in frame(app))
        await pilot.press(key, "enter")
        await until(pilot, lambda: names(app) == ["notes.txt"])


async def test_an_attachment_of_a_message_is_opened_from_a_copy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    async def open_file(path: Path, environ: object) -> bool:
        opened.append(path)
        return True

    monkeypatch.setattr("sterna.tui.terminal.opener.open_file", open_file)
    store = home.open()
    kept = store.attachment_files.add([b"terns"])
    attachment = Attachment(kept.id, "notes.txt", "text/plain", kept.size)
    store.attachments.add(attachment)
    begun = store.live_replies.begin_turn(None, "Read", model="m", attachments=[attachment])
    store.db.execute("delete from live_replies")
    store.local_state.set("last_conversation", begun.session.id)
    store.close()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await settled(pilot, app)
        await pilot.press("ctrl+g", "f")
        await until(pilot, lambda: opened)
        assert (opened[0].name, opened[0].read_text()) == ("notes.txt", "terns")
        assert kept.id not in opened[0].name


async def test_files_are_attached_by_a_command_and_by_a_completed_path(
    home: Home, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(notes.parent)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await started(pilot, app)
        await write(pilot, "/attach notes.txt")
        await pilot.press("enter")
        await until(pilot, lambda: names(app) == ["notes.txt"])
        await until(pilot, lambda: app.main.prompt.text == "")
        app.main.attachments.remove(app.main.attachments.items[0].id)
        await until(pilot, lambda: "otes.txt" not in frame(app))
        await pilot.press(*"See ", "at", *"no")
        await until(pilot, lambda: "otes.txt" in frame(app))
        await pilot.press("tab")
        await until(pilot, lambda: names(app) == ["notes.txt"])
        assert app.main.prompt.text == "See "
