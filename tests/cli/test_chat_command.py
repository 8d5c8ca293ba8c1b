"""``sterna chat``: a conversation line by line."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.fake_openai import Server

pytestmark = pytest.mark.usefixtures("configured")


def test_each_line_is_a_message_of_one_conversation(run: Run, server: Server) -> None:
    result = run("chat", stdin="Grüße\n\nmore\n".encode())
    assert (result.code, result.out, result.err) == (0, "You said: Grüße\nYou said: more\n", "")
    sent = [item["content"] for item in server.fake.requests[-1]["messages"]]
    assert sent == ["Grüße", "You said: Grüße", "more"]
    assert len(run("list", "--json").lines()) == 1


def test_a_conversation_is_continued(run: Run, server: Server) -> None:
    run("ask", "first")
    (listed,) = run("list", "--json").lines()
    for arguments in (["--continue"], [listed["name"]]):
        assert run("chat", *arguments, stdin=b"next").code == 0
    assert len(run("list", "--json").lines()) == 1
    assert server.fake.requests[-1]["messages"][0]["content"] == "first"
    assert run("chat", "--continue", "last", stdin=b"next").code == 2
    assert run("chat", "nothing", stdin=b"next").code == 1


def test_lines_between_quotes_are_one_message(run: Run, server: Server) -> None:
    run("chat", stdin=b'"""\none\n\n/two\n"""\n')
    assert server.fake.requests[0]["messages"][-1]["content"] == "one\n\n/two"
    run("chat", stdin=b'"""\nnever closed')
    assert server.fake.requests[1]["messages"][-1]["content"] == "never closed"


def test_commands_change_the_conversation(run: Run, server: Server) -> None:
    script = b"/model test/other\n/system Be a tern.\nfirst\n/title My talk\n/retry\n/new\nsecond\n/quit\nnot sent\n"
    result = run("chat", stdin=script)
    assert result.code == 0
    first, again, second = server.fake.requests
    assert first["model"] == again["model"] == "other"
    assert second["model"] == "model"
    assert first["messages"] == again["messages"]
    assert [item["content"] for item in first["messages"]] == ["Be a tern.", "first"]
    assert [item["content"] for item in second["messages"]] == ["second"]
    assert sorted(row["title"] for row in run("list", "--json").lines()) == ["My talk", "second"]
    assert "Model: test/other" in result.err
    assert "/retry" in run("chat", stdin=b"/help").out


def test_what_goes_wrong_is_a_sentence_and_the_chat_goes_on(run: Run, server: Server) -> None:
    script = b"/nope x\n/title Early\n/retry\n//path\n/model no/such\n!fail 500\nlast\n"
    result = run("chat", stdin=script)
    assert result.code == 1
    assert "There is no command /nope. Type /help, or // to send a text." in result.err
    assert result.err.count("sterna: There is no message yet.") == 2
    assert "[endpoints.no]" in result.err
    assert "Traceback" not in result.err
    assert result.out.startswith("You said: /path\n")
    assert result.out.endswith("You said: last\n")
    assert run("chat", stdin=b"\xff\xfe").code == 1


def test_a_reply_is_stopped_and_the_chat_ends_at_the_end_of_the_input(configured: Path) -> None:
    main, side = pty.openpty()
    command = [sys.executable, "-m", "sterna", "chat"]
    environ = os.environ | {"TERM": "dumb", "NO_COLOR": "1"}
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=environ, start_new_session=True)
    os.close(side)
    seen = ""

    def wait_for(text: str, seconds: float = 60) -> bool:
        nonlocal seen
        limit = time.monotonic() + seconds
        while text not in seen and time.monotonic() < limit:
            if select.select([main], [], [], 0.1)[0]:
                seen += os.read(main, 4096).decode()
        found = text in seen
        seen = seen.partition(text)[2] if found else seen
        return found

    assert wait_for("Type /help for help, Ctrl+D to quit.")
    assert wait_for("You: ")
    os.write(main, b"!hold 3\n")
    assert wait_for("test/model: word1 word2")
    process.send_signal(signal.SIGINT)
    assert wait_for("You: ")
    for _ in range(20):  # the first may come before the prompt listens
        process.send_signal(signal.SIGINT)
        if wait_for("Type /quit or press Ctrl+D to quit.", 1):
            break
    assert wait_for("You: ")
    os.write(main, b"hello\n")
    assert wait_for("test/model: You said: hello")
    assert wait_for("You: ")
    os.write(main, b"\x04")
    assert process.wait(30) == 0
    os.close(main)
    shown = subprocess.run([*command[:-1], "show", "last"], capture_output=True, text=True, check=True, env=environ)
    assert "word1 word2 word3" in shown.stdout
    assert "\x1b" not in seen
