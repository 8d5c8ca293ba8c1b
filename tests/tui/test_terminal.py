"""The program in a real terminal (a pty): what reaches it byte by byte, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pexpect
import pyte
import pytest

from sterna.storage import Settled, Store, open_account

ROOT = Path(__file__).parents[2]
PROGRAM = (
    "import sys, pathlib; from sterna import tui; d = pathlib.Path(sys.argv[1]); "
    "sys.exit(tui.run(data_dir=d, config_dir=d))"
)
WAIT_SECONDS = 60.0

HOSTILE = (
    "\x1b]52;c;cHduZWQ=\x07clipboard",
    "\x1b]0;window title\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b2Jc1-csi \x9d0;c1-osc\x9c",
    "\x1bPdcs\x1b\\ \x1b_apc\x1b\\ \x1b^pm\x1b\\",
    "\x1b[31mred\x1b[0m \x1b[2J\x1b[H",
    "bell\x07 back\x08\x08 feed\x0c vertical\x0b nul\x00",
    "\u202eevil\u202c \u2066isolate\u2069",
    "[/x] [b]bold[/b] [@click=app.quit]press[/] $background",
    "half \ud83d surrogate",
)


class Terminal:
    """A pty with the program in it, and the screen it draws."""

    def __init__(
        self, folder: Path, *, columns: int = 100, lines: int = 30, command: Sequence[str] = (), **environ: str
    ) -> None:
        self.raw = ""
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            *_program(command or [sys.executable, "-c", PROGRAM, str(folder)]),
            cwd=str(ROOT),
            dimensions=(lines, columns),
            encoding="utf-8",
            codec_errors="strict",
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "TERM": "xterm-256color",
                "LANG": "C.UTF-8",
                **environ,
            },
        )

    def read(self) -> None:
        try:
            text = self.child.read_nonblocking(65536, timeout=0.05)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += text
        self._stream.feed(text)

    def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < end, self.text
            self.read()

    def shows(self, text: str) -> None:
        self.until(lambda: text in self.text)

    def chosen(self) -> int:
        """The line on which the conversation that is open stands in the list; -1 while there is none."""
        lines = self.text.splitlines()
        return next((number for number, line in enumerate(lines) if line.startswith("▎")), -1)

    def ends(self) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while self.child.isalive():
            assert time.monotonic() < end, "it does not end"
            self.read()
        self.read()

    @property
    def text(self) -> str:
        return "\n".join(lines_of(self.screen))


def lines_of(screen: pyte.Screen) -> list[str]:
    """Return the screen's lines. pyte's own ``display`` fails on a cell that a wide character has left empty."""
    return ["".join(screen.buffer[y][x].data for x in range(screen.columns)) for y in range(screen.lines)]


def _program(command: Sequence[str]) -> tuple[str, list[str]]:
    return command[0], list(command[1:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("discover = false\n[ui]\nanimation = false\n", "utf-8")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Terminal]]:
    running: list[Terminal] = []

    def begin(**environ: str) -> Terminal:
        running.append(Terminal(folder, **environ))
        return running[-1]

    yield begin
    for terminal in running:
        terminal.child.close(force=True)


def store_of(folder: Path) -> Store:
    return Store.open(open_account(folder))


def draft(folder: Path) -> str:
    store = store_of(folder)
    try:
        return store.drafts.get(None)
    finally:
        store.close()


def test_nothing_that_people_or_models_wrote_is_obeyed_by_the_terminal(
    folder: Path, start: Callable[..., Terminal]
) -> None:
    store = store_of(folder)
    for text in HOSTILE:
        model = f"evil/{text}".encode("utf-8", "replace").decode()
        begun = store.live_replies.begin_turn(None, f"ask {text}", model=model)
        store.live_replies.settle(
            begun.reply.id, Settled("done", f"{text}\n\n# {text}\n\n```{text}\n{text}\n```", model=model)
        )
        store.conversations.rename(begun.session.id, f"title {text}")
    store.drafts.save(None, HOSTILE[0])
    last = store.conversations.page(0, 1)[0].id
    store.local_state.set("last_conversation", last)
    store.close()

    terminal = start()
    terminal.shows("▎  title half")
    for _ in HOSTILE[1:]:
        before = terminal.chosen()
        terminal.child.send("\x1b[1;3B")  # alt+down: the next conversation
        terminal.until(lambda before=before: terminal.chosen() > before)  # each is drawn
    terminal.shows("▎  title ]52")
    terminal.child.send("\x1bOR")  # f3: search
    terminal.shows("Search all titles")
    terminal.child.send("evil")
    terminal.shows("Conversation")
    terminal.child.send("\x1b")
    terminal.until(lambda: "Search all titles" not in terminal.text)
    terminal.child.send("\x1b[19~")  # f8: delete; the title is in the notice
    terminal.shows("Deleted")
    terminal.child.send("\x1b[21~")  # f10
    terminal.ends()

    # Written on purpose: the shape of the pointer, and links to addresses that are on the screen. Anything else that is
    # no CSI sequence was injected.
    rest = re.sub(r"\x1b\]22;[a-z]*\x07|\x1b\]8;(id=[\d-]+;https?://[!-~]+|;)\x1b\\", "", terminal.raw)
    assert re.findall(r"\x1b[\]P_^X][^\x1b]{0,60}", rest) == []
    assert not re.search("[\x80-\x9f\u202a-\u202e\u2066-\u2069\x00\x07\x08\x0b\x0c]", rest)
    assert terminal.child.exitstatus == 0


def test_sigterm_keeps_the_draft_and_gives_the_terminal_back(folder: Path, start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.shows("Welcome to Sterna")
    terminal.child.send("half a\x1b\rthought")  # alt+enter of the plain protocol
    terminal.shows("│ thought")
    terminal.child.kill(signal.SIGTERM)
    terminal.ends()
    assert terminal.child.exitstatus == 143
    assert "\x1b[?1049l" in terminal.raw
    assert "Traceback" not in terminal.raw
    assert draft(folder) == "half a\nthought"


def test_a_closed_window_keeps_the_draft(folder: Path, start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.shows("Welcome to Sterna")
    terminal.child.send("the window closes")
    terminal.shows("the window closes")
    terminal.child.ptyproc.fileobj.close()
    terminal.child.ptyproc.closed = True
    end = time.monotonic() + WAIT_SECONDS
    while terminal.child.isalive():
        assert time.monotonic() < end, "it outlives its terminal"
        time.sleep(0.02)
    assert draft(folder) == "the window closes"
    assert not (folder / "sterna.log").exists()


def test_killed_outright_it_comes_back_with_conversation_and_draft(
    folder: Path, start: Callable[..., Terminal]
) -> None:
    terminal = start()
    terminal.shows("Welcome to Sterna")
    terminal.child.send("who are you?\r")
    terminal.shows("not a language model")
    terminal.child.send("and then")
    terminal.shows("and then")
    conversation = store_of(folder)
    (row,) = conversation.conversations.page(0, 5)
    kept = "select 1 from drafts where session_id = :id and content = 'and then'"
    terminal.until(lambda: bool(conversation.db.rows(kept, id=row.id)))
    settled = "select 1 from chat_messages where session_id = :id and role = 'assistant'"
    terminal.until(lambda: bool(conversation.db.rows(settled, id=row.id)))
    conversation.close()
    terminal.child.kill(signal.SIGKILL)
    terminal.ends()
    again = start()
    again.shows("not a language model")
    again.shows("and then")


@pytest.mark.parametrize("environ", [{"LANG": "C", "LC_ALL": "C"}, {"TERM": "vt100"}])
def test_a_terminal_without_unicode_gets_ascii_only(
    folder: Path, start: Callable[..., Terminal], environ: dict[str, str]
) -> None:
    store = store_of(folder)
    store.conversations.create("naïve – 日本 ✓")
    store.close()
    terminal = start(**environ)
    terminal.shows("naive - ????")
    terminal.shows("+--")
    assert terminal.raw.isascii()


def test_without_colour_there_is_none(start: Callable[..., Terminal]) -> None:
    terminal = start(NO_COLOR="1")
    terminal.shows("Welcome to Sterna")
    colours = {
        tuple(map(int, found.split(";")[2:5]))
        for found in re.findall(r"\x1b\[[\d;]*?([34]8;2;\d+;\d+;\d+)", terminal.raw)
    }
    assert all(len(set(colour)) == 1 for colour in colours), "only greys"


def test_being_told_to_continue_while_it_runs_changes_nothing(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.shows("Welcome to Sterna")
    for _ in range(3):
        terminal.child.kill(signal.SIGCONT)
    terminal.child.send("half a thought")
    terminal.shows("half a thought")
    terminal.child.send("\x1b[21~")
    terminal.ends()
    assert terminal.child.exitstatus == 0


def test_being_told_to_continue_after_its_end_keeps_it_from_nothing(folder: Path) -> None:
    run = PROGRAM.replace("sys.exit(tui.run(data_dir=d, config_dir=d))", "code = tui.run(data_dir=d, config_dir=d)")
    patch = "SternaDriver.close = lambda self: (os.kill(os.getpid(), signal.SIGCONT), close(self))"
    close = f"from sterna.tui.terminal.driver import SternaDriver; close = SternaDriver.close; {patch}"
    program = f"import os, signal; {close}; {run}; os.kill(os.getpid(), signal.SIGCONT); sys.exit(code)"
    terminal = Terminal(folder, command=[sys.executable, "-c", program, str(folder)])
    try:
        terminal.shows("Welcome to Sterna")
        terminal.child.send("\x1b[21~")
        terminal.ends()
        assert terminal.child.exitstatus == 0
    finally:
        terminal.child.close(force=True)


def test_suspended_it_keeps_the_draft_and_comes_back(folder: Path) -> None:
    program = folder / "program.py"
    program.write_text(PROGRAM, "utf-8")
    (folder / "config.toml").write_text('discover = false\n[keys]\n"app.suspend" = "ctrl+z"\n', "utf-8")
    store = store_of(folder)

    def kept() -> list[str]:
        return [row["content"] for row in store.db.rows("select content from drafts")]

    terminal = Terminal(folder, command=["bash", "--norc", "-i"], PYTHONPATH=str(ROOT), PS1="shell> ")
    try:
        terminal.shows("shell> ")
        terminal.child.send(f"{sys.executable} {program} {folder}\r")
        terminal.shows("Welcome to Sterna")
        terminal.child.send("half a thought")
        terminal.shows("half a thought")
        terminal.child.send("\x1a")
        terminal.until(lambda: "Stopped" in terminal.raw)
        assert kept() == ["half a thought"]
        terminal.child.send("fg\r")
        terminal.until(lambda: terminal.raw.count("\x1b[?1049h") == 2)
        terminal.child.send(" goes on")
        terminal.until(lambda: kept() == ["half a thought goes on"])
        terminal.child.send("\x1b[21~")
        terminal.until(lambda: terminal.raw.count("\x1b[?1049l") == 2)
        assert "Traceback" not in terminal.raw
    finally:
        store.close()
        terminal.child.close(force=True)
