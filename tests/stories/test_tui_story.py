"""The chat in a real terminal, with a provider on a real socket."""

from __future__ import annotations

import signal

import pytest

from tests.fake_openai import Server
from tests.stories.processes import Home, until
from tests.stories.terminal import (
    ALT_DOWN,
    CTRL_N,
    CTRL_R,
    CTRL_U,
    CTRL_UNDERSCORE,
    EMPTY,
    ENTER,
    ESCAPE,
    F2,
    F5,
    F8,
    F10,
    Terminal,
)


def titles(home: Home) -> list[str]:
    return [row["title"] for row in home.json_lines("list")]


def saved(home: Home, words: str) -> None:
    """Return once a streaming reply is on disk with ``words``."""

    def there() -> bool:
        live = home.json("show")["live"]
        return bool(live) and words in live[0]["content"]

    until(there, f"{words!r} is saved")


def test_a_person_chats_renames_deletes_undoes_quits_and_finds_it_all_again(home: Home) -> None:
    with Terminal(home) as screen:
        screen.wait_for(EMPTY, "test/model")
        screen.press("hello terns", ENTER)
        screen.wait_for("You said: hello terns", EMPTY)
        screen.press(CTRL_N)
        screen.wait_for("New conversation", EMPTY, gone="You said: hello terns\n")
        screen.press("a second matter", ENTER)
        screen.wait_for("You said: a second matter", EMPTY)
        screen.press(F2)
        screen.wait_for(gone=r"a second matter +\d\d:\d\d ")  # the field lies over title and time
        screen.press(CTRL_U, "Arctic affairs", ENTER)
        screen.wait_for("Arctic affairs", EMPTY)
        until(lambda: titles(home) == ["Arctic affairs", "hello terns"], "the title is kept")
        screen.press(F8)
        screen.wait_for("Deleted “Arctic affairs”")
        until(lambda: titles(home) == ["hello terns"], "it is deleted")
        screen.press(CTRL_UNDERSCORE)
        screen.wait_for("Restored “Arctic affairs”")
        until(lambda: titles(home) == ["Arctic affairs", "hello terns"], "it is restored")
        screen.press("half a thought")
        screen.wait_for("half a thought")
        screen.press(F10)
        assert screen.wait_for_exit() == 0
    with Terminal(home) as screen:
        screen.wait_for("Arctic affairs", "hello terns", "You said: a second matter", "half a thought")
        screen.press(CTRL_U, ALT_DOWN)
        screen.wait_for("You said: hello terns\n")
        screen.press(CTRL_R, "second")
        screen.wait_for("a second matter")
        screen.press(ESCAPE, F10)
        assert screen.wait_for_exit() == 0


def test_a_reply_survives_kill_9_and_is_retried(home: Home, server: Server) -> None:
    with Terminal(home) as screen:
        screen.wait_for(EMPTY, "test/model")
        screen.press("!hold 5", ENTER)
        screen.wait_for("word1 word2 word3 word4 word5")
        saved(home, "word5")
        screen.kill()
    with Terminal(home) as screen:
        screen.wait_for("word1 word2 word3 word4 word5", "nterrupted", "!hold 5")
        assert home.messages()[1] == ("assistant", "word1 word2 word3 word4 word5 ", "interrupted")
        server.release()
        screen.press(F5)
        until(lambda: len(server.fake.requests) == 2, "it is asked again")
        server.release()
        screen.wait_for("word5", gone="nterrupted")
        until(lambda: home.messages()[1][2] == "done", "the new reply is kept")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_chat_and_keeps_reply_and_draft(home: Home, number: int) -> None:
    with Terminal(home) as screen:
        screen.wait_for(EMPTY, "test/model")
        screen.press("!hold 3", ENTER)
        screen.wait_for("word1 word2 word3", EMPTY)
        screen.press("not sent yet")
        screen.wait_for("not sent yet")
        screen.signal(number)
        screen.wait_for_exit()
    assert home.messages()[1] == ("assistant", "word1 word2 word3 ", "interrupted")
    with Terminal(home) as screen:
        screen.wait_for("word1 word2 word3", "not sent yet")


def test_escape_keeps_what_came(home: Home) -> None:
    with Terminal(home) as screen:
        screen.wait_for(EMPTY, "test/model")
        screen.press("!hold 4", ENTER)
        screen.wait_for("word1 word2 word3 word4", EMPTY)
        screen.press(ESCAPE)
        until(lambda: home.messages()[1:] == [("assistant", "word1 word2 word3 word4 ", "stopped")], "it is kept")


def test_a_reply_goes_on_while_another_conversation_is_read(home: Home, server: Server) -> None:
    with Terminal(home) as screen:
        screen.wait_for(EMPTY, "test/model")
        screen.press("!hold 4", ENTER)
        screen.wait_for("word1 word2 word3 word4", EMPTY)
        screen.press(CTRL_N)
        screen.wait_for("New conversation", EMPTY)
        screen.press("meanwhile", ENTER)
        screen.wait_for("You said: meanwhile")
        server.release()
        until(lambda: not any(row["live"] for row in home.json_lines("list")), "both are answered")
        names = {row["title"]: row["name"] for row in home.json_lines("list")}
        assert home.messages(names["!hold 4"])[1] == ("assistant", "word1 word2 word3 word4 ", "done")


def test_two_terminals_show_each_others_changes(home: Home) -> None:
    with Terminal(home) as first, Terminal(home) as second:
        first.wait_for(EMPTY, "test/model")
        second.wait_for(EMPTY, "test/model")
        first.press("said in the first", ENTER)
        first.wait_for("You said: said in the first")
        second.wait_for("said in the first")
        second.press("said in the second", ENTER)
        second.wait_for("You said: said in the second")
        first.wait_for("said in the second")
    assert sorted(titles(home)) == ["said in the first", "said in the second"]


def test_words_that_a_terminal_would_obey_are_only_words(home: Home) -> None:
    with Terminal(home) as screen:
        screen.wait_for(EMPTY, "test/model")
        screen.press("[bold]not[/bold] [/x] [@click=app.quit]here[/]", ENTER)
        screen.wait_for("You said: [bold]not[/bold] [/x] [@click=app.quit]here[/]")
        screen.press(F10)
        assert screen.wait_for_exit() == 0
