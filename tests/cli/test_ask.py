"""``sterna ask`` in scripts."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from sterna.chat import Reply
from sterna.cli import reply_stream
from sterna.storage import LiveReplies, StoreFull
from tests.cli.conftest import Run
from tests.fake_openai import Script, Server, by_prompt

pytestmark = pytest.mark.usefixtures("configured")


def test_the_reply_is_all_that_stands_on_standard_output(run: Run) -> None:
    result = run("ask", "Where", "do", "terns", "go?")
    assert (result.code, result.out, result.err) == (0, "You said: Where do terns go?\n", "")


def test_the_prompt_may_come_from_a_pipe_or_follow_the_argument(run: Run) -> None:
    assert run("ask", stdin=b"from a pipe\n").out == "You said: from a pipe\n"
    assert run("ask", "Sum up:", stdin="ein Täxt".encode()).out == "You said: Sum up:\n\nein Täxt\n"


def test_an_empty_prompt_is_not_understood_and_makes_nothing(run: Run) -> None:
    result = run("ask", stdin=b" \n")
    assert (result.code, result.out) == (2, "")
    assert "prompt is empty" in result.err
    assert run("list", "--json").lines() == []


def test_prompt_and_reply_are_found_again(run: Run) -> None:
    run("ask", "Remember the kittiwake")
    (listed,) = run("list", "--json").lines()
    assert (listed["title"], listed["model"]) == ("Remember the kittiwake", "test/model")
    shown = run("show", "last").out
    assert "Remember the kittiwake" in shown
    assert "You said: Remember the kittiwake" in shown
    assert run("search", "kitti").code == 0


def test_a_conversation_goes_on_with_what_was_said_before(run: Run, server: Server) -> None:
    run("ask", "first")
    (listed,) = run("list", "--json").lines()
    for name in ("last", listed["id"], listed["name"], listed["id"][:-1]):
        assert run("ask", "-c", name, "more").code == 0
    sent = [(item["role"], item["content"]) for item in server.fake.requests[1]["messages"]]
    assert sent == [("user", "first"), ("assistant", "You said: first"), ("user", "more")]
    assert len(run("list", "--json").lines()) == 1
    assert len(run("show", "--json").json()["messages"]) == 10


def test_a_provider_that_cannot_be_reached_is_an_error_unless_the_prompt_is_to_wait(
    run: Run, server: Server, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FIRST_PAUSE", "SHORTEST_PAUSE"):
        monkeypatch.setattr(f"sterna.chat.outages.{name}", 0.01)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = configured / "config" / "config.toml"
    file.write_text(file.read_text().replace(server.url, f"http://127.0.0.1:{port}/v1"))
    failed = run("ask", "now")
    assert (failed.code, failed.out) == (1, "")
    assert "the connection is refused" in failed.err
    later = Server(port=port)

    def start(_: str, sentence: str) -> None:
        print(sentence, file=sys.stderr)
        later.__enter__()

    monkeypatch.setattr("sterna.cli.reply_output._print_waiting", start)
    waited = run("ask", "--wait", "later")
    later.__exit__(None, None, None)
    assert (waited.code, waited.out) == (0, "You said: later\n")
    assert waited.err.startswith("Waiting for test. Nothing answers at")
    assert len(later.fake.requests) == 1
    refused = run("ask", "--wait", "--no-store", "never")
    assert (refused.code, "Remove --no-store or --wait" in refused.err) == (2, True)


def test_choices_are_the_conversations_own_from_then_on(run: Run, server: Server) -> None:
    run("ask", "-m", "test/other", "-s", "Be a tern.", "-t", "0.5", "first")
    run("ask", "-c", "last", "second")
    for asked in server.fake.requests:
        assert (asked["model"], asked["temperature"]) == ("other", 0.5)
        assert asked["messages"][0] == {"role": "system", "content": "Be a tern."}
    assert run("show", "--json").json()["settings"] == {
        "model": "test/other",
        "system_prompt": "Be a tern.",
        "temperature": 0.5,
    }


def test_json_is_one_object_with_the_documented_keys(run: Run) -> None:
    found = run("ask", "--json", "!think hm well").json()
    assert found.pop("session_id").startswith("conv_")
    assert found.pop("message_id").startswith("msg_")
    assert found.pop("elapsed_ms") >= 0
    assert found == {
        "model": "test/model",
        "content": "Thought about it.",
        "reasoning": "hm well ",
        "finish": "done",
        "error": None,
        "input_tokens": 11,
        "output_tokens": 5,
        "total_tokens": 16,
    }
    help_text = run("ask", "--help").out
    assert all(key in help_text for key in found)


def test_a_failure_is_a_sentence_on_standard_error(run: Run) -> None:
    result = run("ask", "!fail 429")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("sterna: ")
    assert "7 s" in result.err
    assert "Traceback" not in result.err
    assert run("show", "--json").json()["messages"][1]["error"] in result.err


def test_a_provider_that_is_busy_is_asked_again_and_that_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sterna.providers.retry_delays.FIRST_WAIT", 0.01)
    run("config", "set", "retries", "1")
    result = run("ask", "--no-store", "!fail 503")
    assert result.code == 1
    assert result.err.count("Trying again in 0 s.") == 1


def test_what_came_before_a_failure_is_shown_and_kept(run: Run) -> None:
    result = run("ask", "!drop 5")
    assert (result.code, result.out) == (1, "word1 word2 word3 word4 word5 \n")
    assert run("show", "--json").json()["messages"][1]["content"] == result.out.rstrip("\n")


def test_json_tells_a_failure_too(run: Run) -> None:
    result = run("ask", "--json", "!fail 500")
    assert result.code == 1
    assert (result.json()["finish"], result.json()["content"]) == ("failed", "")
    assert result.json()["error"]


def test_no_store_leaves_no_trace(run: Run, configured: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in configured.rglob("*")}
    result = run("ask", "--no-store", "secret")
    assert (result.code, result.out) == (0, "You said: secret\n")
    found = run("ask", "--no-store", "--json", "-m", "test/other", "secret").json()
    assert (found["session_id"], found["message_id"], found["content"]) == (None, None, "You said: secret")
    assert (found["model"], found["finish"], found["total_tokens"]) == ("test/other", "done", 14)
    assert run("ask", "--no-store", "!fail 401").code == 1
    assert run("ask", "--no-store", "-m", "nowhere/x", "secret").code == 1
    assert {path: path.stat().st_mtime_ns for path in configured.rglob("*")} == before


def test_what_no_store_costs_is_counted_and_kept_within_the_budget(run: Run, server: Server, configured: Path) -> None:
    server.fake.reply = lambda body: answered("stop", "Yes.")
    with (configured / "config" / "config.toml").open("a") as file:
        file.write('[budget]\ndaily = 0.003\nstop = true\n[prices."test/model"]\ninput = 1\noutput = 1\n')
    assert run("ask", "--no-store", "secret").out == "Yes.\n"
    assert run("ask", "--no-store", "secret").code == 0
    refused = run("ask", "--no-store", "secret")
    assert (refused.code, refused.out) == (1, "")
    assert "have cost $0.0040 of the $0.0030 in budget.daily. Nothing was sent." in refused.err
    assert len(server.fake.requests) == 2
    (row,) = run("models", "--costs", "--json").lines()
    assert (row["model"], row["replies"], row["input_tokens"], row["cost"]) == ("test/model", 0, 18, 0.004)
    assert "secret" not in "".join(path.read_text("latin-1") for path in (configured / "data").rglob("*.db*"))


def test_no_store_and_a_conversation_exclude_each_other(run: Run) -> None:
    assert run("ask", "--no-store", "-c", "last", "hi").code == 2


def test_a_model_that_nobody_has_is_told_before_anything_is_kept(run: Run) -> None:
    result = run("ask", "-m", "nowhere/x", "hi")
    assert result.code == 1
    assert "nowhere" in result.err
    assert run("list", "--json").lines() == []


def test_a_conversation_that_is_not_there_is_told(run: Run) -> None:
    result = run("ask", "-c", "zzz", "hi")
    assert (result.code, result.out) == (1, "")
    assert "There is no conversation zzz" in result.err


def test_a_disk_that_stays_full_is_told_and_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise StoreFull("No space is left.")

    with monkeypatch.context() as patched:
        patched.setattr(LiveReplies, "settle", full)
        result = run("ask", "hello")
    assert (result.code, result.out) == (1, "You said: hello\n")
    assert result.err.startswith("sterna: No space is left. Saved so far: your question, ")
    with monkeypatch.context() as patched:
        patched.setattr(LiveReplies, "settle", full)
        answer = run("ask", "--json", "hello").json()
    assert (answer["content"], answer["message_id"]) == ("You said: hello", None)
    assert answer["error"].startswith("No space is left.")
    assert run("show", "--json").json()["messages"][0]["content"] == "hello"


def test_a_disk_that_fills_while_a_reply_arrives_is_not_waited_for(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        server.release()
        raise StoreFull("No space is left.")

    server.fake.reply = lambda body: Script(("one ", "two"), then="hold")
    with monkeypatch.context() as patched:
        patched.setattr(LiveReplies, "save", full)
        patched.setattr(LiveReplies, "settle", full)
        result = run("ask", "hello")
    assert (result.code, result.out) == (1, "one two\n")
    assert result.err.startswith("sterna: No space is left. Saved so far: your question, ")


def test_a_setting_that_nobody_knows_is_told_beside_the_reply(run: Run, configured: Path) -> None:
    with (configured / "config" / "config.toml").open("a") as file:
        file.write("tpyo = 1\n")
    result = run("ask", "hello")
    assert (result.code, result.out) == (0, "You said: hello\n")
    assert result.err.startswith("sterna: ")
    assert "there is no setting endpoints.test.tpyo" in result.err


def test_the_guide_does_not_find_the_question_itself(run: Run, configured: Path) -> None:
    (configured / "config" / "config.toml").write_text("discover = false\n")
    run("ask", "the pelican manuscript")
    assert "I found" not in run("ask", "-c", "last", "quixotic zeppelins").out
    assert "I found" in run("ask", "the pelican manuscript").out


def test_without_any_model_the_guide_answers(run: Run, configured: Path) -> None:
    (configured / "config" / "config.toml").write_text("discover = false\n")
    result = run("ask", "How do I search?")
    assert result.code == 0
    assert "search" in result.out.lower()


def answered(finish: str | None, text: str | None = "half", **more: object) -> Script:
    """Return a whole reply that ends for that reason."""
    message = {"role": "assistant", "content": text} | more
    return Script(body=json.dumps({"choices": [{"message": message, "finish_reason": finish}], "usage": USAGE}))


USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 2,
    "prompt_tokens_details": {"cached_tokens": 5},
    "cost": 0.002,
}


@pytest.mark.parametrize(
    ("finish", "says"),
    [("length", "Send “continue”"), ("content_filter", "content filter"), ("tool_calls", "asked for a tool")],
)
def test_a_reply_that_is_not_whole_says_so(run: Run, server: Server, finish: str, says: str) -> None:
    server.fake.reply = lambda body: answered(finish)
    result = run("ask", "hello")
    assert (result.code, result.out) == (0, "half\n")
    assert says in result.err
    assert says in run("show", "last").out
    for found in (run("ask", "--json", "hello").json(), run("ask", "--json", "--no-store", "hello").json()):
        assert (found["finish"], found["finish_reason"], found["cost"], found["cached_tokens"]) == (
            "done", finish, 0.002, 5,
        )  # fmt: skip
        assert says in found["notes"][0]
    assert run("show", "--json").json()["messages"][-1]["finish_reason"] == finish
    run("ask", "-c", "last", "continue")
    assert [item["content"] for item in server.fake.requests[-1]["messages"]] == ["hello", "half", "continue"]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (answered("stop", ""), "sent an empty reply"),
        (answered("stop", None), "sent an empty reply"),
        (answered("length", "", reasoning="Hm."), "used up its limit while reasoning"),
        (answered("tool_calls", None, tool_calls=[{"function": {"name": "get_weather"}}]), "the tool “get_weather”"),
        (answered("stop", None, images=[{"image_url": {"url": "data:x"}}]), "an image only"),
        (answered("stop", None, audio={"data": "x"}), "sound only"),
    ],
)
def test_an_empty_reply_is_named_and_does_not_break_the_turns(
    run: Run, server: Server, made: Script, says: str
) -> None:
    server.fake.reply = lambda body: made
    result = run("ask", "first")
    assert (result.code, result.out) == (1, "")
    assert says in result.err
    run("ask", "-c", "last", "second")
    server.fake.reply = by_prompt
    assert run("ask", "-c", "last", "third").code == 0
    roles = [item["role"] for item in server.fake.requests[-1]["messages"]]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert run("show", "last").out.count(says) == 2


def test_sources_are_kept_and_shown(run: Run, server: Server) -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://terns.example/far", "title": "How far"}}
    server.fake.reply = lambda body: answered("stop", "Far.", annotations=[note])
    found = run("ask", "--json", "how far?").json()
    assert found["citations"] == [{"url": "https://terns.example/far", "title": "How far"}]
    assert "https://terns.example/far" in run("show", "last").out


THOUGHT_FIRST = Script(("Hm, ", "let me see.\n", "\n", "</think>\n\n", "Far ", "away."))


def test_reasoning_that_only_a_closing_tag_ends_is_not_printed(run: Run, server: Server) -> None:
    server.fake.reply = lambda body: THOUGHT_FIRST
    for _ in range(2):
        result = run("ask", "Where do terns go?")
        assert (result.code, result.out, result.err) == (0, "Far away.\n", "")
    once = run("ask", "--no-store", "Where do terns go?")
    assert (once.code, once.out, once.err) == (0, "Far away.\n", "")


def test_the_wait_for_a_closing_tag_is_bounded_and_nothing_is_lost(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_stream, "HOLD_SECONDS", 0.0)
    server.fake.reply, server.fake.rate = lambda body: THOUGHT_FIRST, 20.0
    result = run("ask", "Where do terns go?")
    assert (result.code, result.out[:4], result.out[-12:]) == (0, "Hm, ", "\n\nFar away.\n")
    assert result.err == "sterna: The beginning is reasoning that the provider did not mark as such.\n"


@pytest.mark.parametrize(
    ("model", "seconds", "most"),
    [
        ("test/model", reply_stream.HOLD_SECONDS, reply_stream.MAX_HELD),
        ("local/QwQ-32B", reply_stream.REASONER_HOLD_SECONDS, reply_stream.REASONER_MAX_HELD),
    ],
)
async def test_only_the_first_reply_of_a_model_is_held_back_and_only_for_a_while(
    model: str, seconds: float, most: int
) -> None:
    now = 0.0

    def begun() -> tuple[reply_stream.Hold, Reply]:
        hold, reply = reply_stream.Hold(lambda: now, model), Reply("m", "c", "u", model, 0.0)
        assert (hold.holds(reply), hold.seconds_left) == (False, None)
        reply.add("Hm", settled=False)
        assert (hold.holds(reply), hold.seconds_left) == (True, seconds)
        return hold, reply

    hold, reply = begun()
    now += seconds
    assert not hold.holds(reply)
    hold, reply = begun()
    reply.add("The answer.")
    assert not hold.holds(reply)
    hold, reply = begun()
    reply.add("Reasoning.", reasoning=True)
    assert not hold.holds(reply)
    hold, reply = begun()
    reply.add("x" * most, settled=False)
    assert not hold.holds(reply)


def test_a_model_that_has_answered_before_is_printed_as_it_comes(run: Run, server: Server, home: Path) -> None:
    certain: list[bool] = []
    take = reply_stream.Hold.holds

    def holds(hold: reply_stream.Hold, reply: Reply) -> bool:
        certain.append(reply.is_certain)
        return take(hold, reply)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reply_stream.Hold, "holds", holds)
        run("ask", "first")
        assert not all(certain)
        certain.clear()
        run("ask", "second")
    assert all(certain)
