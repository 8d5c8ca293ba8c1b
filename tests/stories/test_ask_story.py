"""``sterna ask`` against a server on a real socket: killed, stopped, left by its reader, run twice at once."""

from __future__ import annotations

import signal
import sqlite3
import subprocess

import pytest

from tests.fake_openai import Script, Server
from tests.stories.processes import STERNA, Home, Outcome, until


def arriving(home: Home) -> str:
    """A second process sees the reply that a first one receives."""
    live = home.json("show")["live"]
    content: str = live[0]["content"] if live else ""
    return content


def test_a_killed_reply_is_there_at_the_next_start(home: Home) -> None:
    command = home.start("ask", "!hold 5")
    command.wait_for_output("word5")
    until(lambda: arriving(home) == "word1 word2 word3 word4 word5 ", "the text is saved")
    command.process.kill()
    command.wait()
    assert home.messages() == [
        ("user", "!hold 5", "done"),
        ("assistant", "word1 word2 word3 word4 word5 ", "interrupted"),
    ]
    assert "· interrupted" in home.run("show").out
    assert home.json("show")["live"] == []
    assert home.run("ask", "-c", "last", "go on").code == 0


@pytest.mark.parametrize(
    ("number", "code", "finish"),
    [(signal.SIGINT, 130, "stopped"), (signal.SIGTERM, 143, "interrupted"), (signal.SIGHUP, 129, "interrupted")],
)
def test_a_signal_ends_the_reply_and_keeps_its_text(home: Home, number: int, code: int, finish: str) -> None:
    command = home.start("ask", "!hold 3")
    command.wait_for_output("word3")
    command.signal(number)
    assert command.wait() == Outcome(code, "word1 word2 word3 \n", "")
    assert home.messages()[1] == ("assistant", "word1 word2 word3 ", finish)


def test_a_signal_before_the_first_word_keeps_the_prompt(home: Home, server: Server) -> None:
    command = home.start("ask", "!hold 0")
    until(lambda: server.fake.requests, "the server is asked")
    command.signal(signal.SIGINT)
    assert command.wait() == Outcome(130, "", "")
    assert home.messages() == [("user", "!hold 0", "done"), ("assistant", "", "stopped")]


def test_a_signal_ends_a_question_that_is_kept_nowhere(home: Home) -> None:
    command = home.start("ask", "--no-store", "!hold 3")
    command.wait_for_output("word3")
    command.signal(signal.SIGINT)
    assert command.wait() == Outcome(130, "word1 word2 word3 \n", "")
    assert not (home.folder / "data").exists()


def test_a_reader_who_leaves_ends_the_reply_which_is_kept(home: Home) -> None:
    piped = subprocess.run(
        ["bash", "-c", f"'{STERNA}' ask '!words 20000' | head -c 5; codes=(${{PIPESTATUS[@]}}); echo; echo $codes"],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (piped.stdout, piped.stderr) == ("## Pa\n141\n", "")
    (_, (role, content, finish)) = home.messages()
    assert (role, finish) == ("assistant", "stopped")
    assert content.startswith("## Part 1")


def test_a_reader_who_sleeps_does_not_hold_up_the_history(home: Home) -> None:
    """The pipe is full and nobody reads it; the reply comes in and is kept all the same."""
    command = home.start("ask", "!words 14000")
    until(lambda: home.run("search", "ENDOFREPLY").code == 0, "the whole reply is kept")
    outcome = command.wait()
    assert outcome.code == 0
    assert outcome.out.endswith("ENDOFREPLY\n")


def test_a_reader_who_sleeps_does_not_hold_up_the_end(home: Home) -> None:
    command = home.start("ask", "!words 14000")
    until(lambda: home.run("search", "ENDOFREPLY").code == 0, "the whole reply is kept")
    command.signal(signal.SIGTERM)
    assert command.process.wait(60) == 143
    command.wait()


def test_two_ask_at_once_and_both_are_answered(home: Home, server: Server) -> None:
    command = [home.start("ask", "!hold 4"), home.start("ask", "!hold 6")]
    until(lambda: len(server.fake.requests) == 2, "both have asked")
    server.release()
    outs = {one.wait().out for one in command}
    assert outs == {"word1 word2 word3 word4 \n", "word1 word2 word3 word4 word5 word6 \n"}
    names = [row["name"] for row in home.json_lines("list")]
    assert {home.messages(name)[1][1] + "\n" for name in names} == outs


def test_four_first_starts_at_once_agree_on_one_history(home: Home) -> None:
    command = [home.start("ask", f"number {number}") for number in range(4)]
    for number, one in enumerate(command):
        assert one.wait() == Outcome(0, f"You said: number {number}\n", "")
    assert {row["title"] for row in home.json_lines("list")} == {f"number {number}" for number in range(4)}


def test_the_file_opens_with_any_tool(home: Home) -> None:
    home.run("ask", "hello")
    (path,) = (home.folder / "data").glob("*.db")
    db = sqlite3.connect(path)
    rows = db.execute("select role, content from chat_messages order by message_timestamp, id").fetchall()
    db.close()
    assert rows == [("user", "hello"), ("assistant", "You said: hello")]


def test_a_prompt_of_ten_megabytes_arrives_whole(home: Home, server: Server) -> None:
    text = "word " * 2_000_000
    server.fake.reply = lambda body: Script(("ok",))
    assert home.start("ask", stdin=subprocess.PIPE).wait(text) == Outcome(0, "ok\n", "")
    assert server.fake.requests[0]["messages"][0]["content"] == text
    assert home.messages()[0][1] == text
