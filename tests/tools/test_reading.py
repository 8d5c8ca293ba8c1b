"""The built-in tool ``read`` gives what the person named, and nothing beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sterna.chat import ToolResult
from sterna.config import Settings, ToolSettings
from sterna.tools import Toolbox, approvals_of
from sterna.tools.errors import ToolError
from sterna.tools.reading import read


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Return a folder with files, and one beside it."""
    folder = tmp_path / "notes"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("first\nsecond \x1b[31mred\x1b[0m\nthird\n")
    (folder / "inner" / "b.txt").write_text("inside")
    (folder / "pixel.png").write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    (folder / "program").write_bytes(b"\x7fELF\0\0\0")
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7 ...")
    (folder / "sterna").mkdir()
    (folder / "sterna" / "credentials").write_text("key")
    (tmp_path / "notes-secret").write_text("secret")
    (folder / "way-out").symlink_to(tmp_path / "notes-secret")
    (folder / "way-in").symlink_to(folder / "inner")
    os.mkfifo(folder / "pipe")
    return folder


def given(notes: Path, path: str, **more: Any) -> str:
    return read({"path": path, **more}, [str(notes)], [notes / "sterna"]).text


def test_files_and_folders_that_are_named_are_read(notes: Path) -> None:
    assert given(notes, "a.txt") == "first\nsecond red\nthird\n"
    assert given(notes, str(notes / "inner" / ".." / "a.txt"), start=3) == "third\n"
    assert given(notes, "way-in/b.txt") == "inside"
    assert read({"path": str(notes / "a.txt")}, [str(notes / "a.txt")]).text.startswith("first")
    assert given(notes, ".").split("\n") == [
        "a.txt (32 B)",
        "inner/",
        "paper.pdf (12 B)",
        "pipe (0 B)",
        "pixel.png (18 B)",
        "program (7 B)",
        "sterna/",
        "way-in (link)",
        "way-out (link)",
    ]
    (image,) = read({"path": "pixel.png"}, [str(notes)]).files
    assert (image.name, image.media_type) == ("pixel.png", "image/png")


REFUSED = (
    ("../notes-secret", "outside of what may be read"),
    ("/etc/passwd", "outside of what may be read"),
    ("way-out", "outside of what may be read"),
    ("../notes/../notes-secret", "outside of what may be read"),
    ("sterna/credentials", "outside of what may be read"),
    ("no-such-file", "cannot be read (No such file or directory)"),
    ("pipe", "neither a file nor a folder"),
    ("program", "program is binary (7 B), not text."),
    ("paper.pdf", "paper.pdf is damaged, or no PDF file."),
    ("a\0b", "needs a path"),
    ("", "needs a path"),
)


@pytest.mark.parametrize(("path", "says"), REFUSED, ids=[repr(row[0]) for row in REFUSED])
def test_other_paths_are_refused(notes: Path, path: str, says: str) -> None:
    with pytest.raises(ToolError) as refusal:
        given(notes, path)
    assert says in str(refusal.value)
    assert "secret\n" not in str(refusal.value)


def test_a_link_that_is_put_there_meanwhile_is_not_followed(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path, **_: str(path) if "swapped" in str(path) else really(path))
    (notes / "swapped").symlink_to(notes.parent / "notes-secret")
    with pytest.raises(ToolError, match="cannot be read"):
        given(notes, str(notes / "swapped"))


def test_long_files_are_read_in_parts(notes: Path) -> None:
    (notes / "long.txt").write_text("".join(f"line {number} {'x' * 90}\n" for number in range(1, 1001)))
    first = given(notes, "long.txt")
    assert len(first) < 41_000
    at = int(first.rpartition("start=")[2].rstrip("]"))
    assert given(notes, "long.txt", start=at).startswith(f"line {at} ")
    with pytest.raises(ToolError, match="has 1,001 lines"):
        given(notes, "long.txt", start=5000)


async def test_built_in_tools_are_off_until_a_setting_turns_them_on(notes: Path) -> None:
    toolbox = Toolbox(Settings(), approvals_of(notes))
    assert (await toolbox.offered(["read", "fetch"])).tools == ()
    assert (await toolbox.call("read", {"path": "a.txt"})).is_error
    await toolbox.configure(Settings(tools=ToolSettings(read=(str(notes),), fetch=True)))
    read_tool, fetch_tool = (await toolbox.offered(["read", "fetch"])).tools
    assert str(notes) in read_tool.description
    assert await toolbox.call("read", {"path": "inner/b.txt"}) == ToolResult("inside")
    assert (await toolbox.call("read", {"path": 7})).text == "read needs a path, as text."
    await toolbox.allow(read_tool)
    assert await toolbox.is_allowed(read_tool)
    assert not await toolbox.is_allowed(fetch_tool)
    await toolbox.configure(Settings(tools=ToolSettings(read=(str(notes), "/"), fetch=True)))
    assert not await toolbox.is_allowed(read_tool)  # it reads more now
    await toolbox.aclose()
