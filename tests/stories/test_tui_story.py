"""The chat in a real terminal against a server on a real socket: a day with it, and everything found again."""

from __future__ import annotations

import signal

import pytest

from tests.fake_openai import Server
from tests.stories.living import Home, until
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
    """Return once a reply that is arriving is on disk with ``words``."""

    def there() -> bool:
        live = home.json("show")["live"]
        return bool(live) and words in live[0]["content"]

    until(there, f"{words!r} is saved")


def test_a_person_chats_renames_deletes_undoes_quits_and_finds_it_all_again(home: Home) -> None:
    with Terminal(home) as screen:
        screen.sees(EMPTY, "test/model")
        screen.press("hello terns", ENTER)
        screen.sees("You said: hello terns", EMPTY)
        screen.press(CTRL_N)
        screen.sees("New conversation", EMPTY, gone="You said: hello terns\n")
        screen.press("a second matter", ENTER)
        screen.sees("You said: a second matter", EMPTY)
        screen.press(F2)
        screen.sees(gone=r"a second matter +\d\d:\d\d ")  # the field lies over title and time
        screen.press(CTRL_U, "Arctic affairs", ENTER)
        screen.sees("Arctic affairs", EMPTY)
        until(lambda: titles(home) == ["Arctic affairs", "hello terns"], "the title is kept")
        screen.press(F8)
        screen.sees("Deleted “Arctic affairs”")
        until(lambda: titles(home) == ["hello terns"], "it is deleted")
        screen.press(CTRL_UNDERSCORE)
        screen.sees("“Arctic affairs” is back")
        until(lambda: titles(home) == ["Arctic affairs", "hello terns"], "it is back")
        screen.press("half a thought")
        screen.sees("half a thought")
        screen.press(F10)
        assert screen.ends() == 0
    with Terminal(home) as screen:
        screen.sees("Arctic affairs", "hello terns", "You said: a second matter", "half a thought")
        screen.press(CTRL_U, ALT_DOWN)
        screen.sees("You said: hello terns\n")
        screen.press(CTRL_R, "second")
        screen.sees("a second matter")
        screen.press(ESCAPE, F10)
        assert screen.ends() == 0


def test_a_reply_survives_kill_9_and_is_retried(home: Home, server: Server) -> None:
    with Terminal(home) as screen:
        screen.sees(EMPTY, "test/model")
        screen.press("!hold 5", ENTER)
        screen.sees("word1 word2 word3 word4 word5")
        saved(home, "word5")
        screen.dies()
    with Terminal(home) as screen:
        screen.sees("word1 word2 word3 word4 word5", "nterrupted", "!hold 5")
        assert home.messages()[1] == ("assistant", "word1 word2 word3 word4 word5 ", "interrupted")
        server.release()
        screen.press(F5)
        until(lambda: len(server.fake.requests) == 2, "it is asked again")
        server.release()
        screen.sees("word5", gone="nterrupted")
        until(lambda: home.messages()[1][2] == "done", "the new reply is kept")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_chat_and_keeps_reply_and_draft(home: Home, number: int) -> None:
    with Terminal(home) as screen:
        screen.sees(EMPTY, "test/model")
        screen.press("!hold 3", ENTER)
        screen.sees("word1 word2 word3", EMPTY)
        screen.press("not sent yet")
        screen.sees("not sent yet")
        screen.signal(number)
        screen.ends()
    assert home.messages()[1] == ("assistant", "word1 word2 word3 ", "interrupted")
    with Terminal(home) as screen:
        screen.sees("word1 word2 word3", "not sent yet")


def test_escape_keeps_what_came(home: Home) -> None:
    with Terminal(home) as screen:
        screen.sees(EMPTY, "test/model")
        screen.press("!hold 4", ENTER)
        screen.sees("word1 word2 word3 word4", EMPTY)
        screen.press(ESCAPE)
        until(lambda: home.messages()[1:] == [("assistant", "word1 word2 word3 word4 ", "stopped")], "it is kept")


def test_a_reply_goes_on_while_another_conversation_is_read(home: Home, server: Server) -> None:
    with Terminal(home) as screen:
        screen.sees(EMPTY, "test/model")
        screen.press("!hold 4", ENTER)
        screen.sees("word1 word2 word3 word4", EMPTY)
        screen.press(CTRL_N)
        screen.sees("New conversation", EMPTY)
        screen.press("meanwhile", ENTER)
        screen.sees("You said: meanwhile")
        server.release()
        until(lambda: not any(row["live"] for row in home.json_lines("list")), "both are answered")
        names = {row["title"]: row["name"] for row in home.json_lines("list")}
        assert home.messages(names["!hold 4"])[1] == ("assistant", "word1 word2 word3 word4 ", "done")


def test_two_terminals_show_each_others_changes(home: Home) -> None:
    with Terminal(home) as first, Terminal(home) as second:
        first.sees(EMPTY, "test/model")
        second.sees(EMPTY, "test/model")
        first.press("said in the first", ENTER)
        first.sees("You said: said in the first")
        second.sees("said in the first")
        second.press("said in the second", ENTER)
        second.sees("You said: said in the second")
        first.sees("said in the second")
    assert sorted(titles(home)) == ["said in the first", "said in the second"]


def test_words_that_a_terminal_would_obey_are_only_words(home: Home) -> None:
    with Terminal(home) as screen:
        screen.sees(EMPTY, "test/model")
        screen.press("[bold]not[/bold] [/x] [@click=app.quit]here[/]", ENTER)
        screen.sees("You said: [bold]not[/bold] [/x] [@click=app.quit]here[/]")
        screen.press(F10)
        assert screen.ends() == 0
