"""``sterna ask --compare``: the replies of several models, one after another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.fake_openai import Script, Server, by_prompt, failure

pytestmark = pytest.mark.usefixtures("configured")

BOTH = ("--compare", "test/model", "--compare", "test/other")


def by_model(body: dict[str, Any]) -> Script:
    return failure(500) if body["model"] == "tiny" else Script((f"I am {body['model']}.",))


def test_replies_are_printed_under_their_models_and_kept_as_versions(run: Run, server: Server) -> None:
    server.fake.reply = by_model
    result = run("ask", *BOTH, "Who are you?")
    assert (result.code, result.err) == (0, "")
    assert result.out == "## test/model\n\nI am model.\n\n## test/other\n\nI am other.\n"
    assert sorted(asked["model"] for asked in server.fake.requests) == ["model", "other"]
    assert {branch["model"] for branch in run("show", "--branches", "--json").lines()} == {"test/model", "test/other"}
    assert "Reply of test/other: I am other." in run("show", "--branches").out
    assert len(run("show", "--json").json()["messages"]) == 2
    assert "model" not in run("show", "--json").json()["settings"]
    server.fake.reply = by_prompt
    assert run("ask", "-c", "last", *BOTH, "more").code == 0
    assert [message["role"] for message in server.fake.requests[-1]["messages"]] == ["user", "assistant", "user"]


def test_one_failure_is_told_beside_the_other_replies(run: Run, server: Server) -> None:
    server.fake.reply = by_model
    found = run("ask", "--json", "-m", "test/model", "-m", "test/tiny", "Who?")
    first, second = found.json()["replies"]
    assert found.json()["session_id"].startswith("conv_")
    assert (first["model"], first["content"], first["error"]) == ("test/model", "I am model.", None)
    assert (second["message_id"], second["finish"]) == (None, "failed")
    assert found.code == 1
    assert found.err.startswith("sterna: test/tiny: ")
    assert first["message_id"] == run("show", "--json").json()["messages"][1]["id"]


def test_a_comparison_can_leave_no_trace(run: Run, server: Server) -> None:
    server.fake.reply = by_model
    assert (
        run("ask", "--no-store", *BOTH, "Who?").out == "## test/model\n\nI am model.\n\n## test/other\n\nI am other.\n"
    )
    assert run("list", "--json").lines() == []


@pytest.mark.parametrize(
    "models", [("--compare", "test/model"), ("-m", "test/model", "--compare", "test/model"), BOTH * 3]
)
def test_models_that_cannot_be_compared_are_told_before_anything_is_kept(run: Run, models: tuple[str, ...]) -> None:
    result = run("ask", *models, "Hi")
    assert (result.code, result.out) == (2, "")
    assert "Between 2 and 4 different models can be compared. Use --model or --compare once for each." in result.err
    assert run("list", "--json").lines() == []
