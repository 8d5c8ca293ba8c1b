"""Untrusted text is made fit for a sentence, and reasoning is separated wherever the pieces end."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.providers import Delta, Reasoning, Reclassified
from sterna.providers.reasoning import ThinkSplitter
from sterna.providers.retry_after import in_words, seconds_to_wait
from sterna.providers.untrusted_text import quoted, redact, single_line

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "error", "text", "seconds"),
    [
        ({"Retry-After": "20"}, {}, "", 20),
        ({"retry-after": "0.5"}, {}, "", 0.5),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, {}, "", 30),
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, {}, "", 0),
        ({"Retry-After": "2026-03-01T12:01:00Z"}, {}, "", 60),
        ({"Retry-After": "1m30s"}, {}, "", 90),
        ({"retry-after-ms": "1500", "retry-after": "2"}, {}, "", 1.5),
        ({"x-ratelimit-reset-requests": "6m0s"}, {}, "", 360),
        ({"x-ratelimit-reset-tokens": "120ms"}, {}, "", 0.12),
        (
            {
                "x-ratelimit-reset-requests": "8h",
                "x-ratelimit-remaining-requests": "99",
                "x-ratelimit-reset-tokens": "7.66s",
                "x-ratelimit-remaining-tokens": "0",
            },
            {},
            "",
            7.66,
        ),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 60)}, {}, "", 60),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp() * 1000) + 60_000)}, {}, "", 60),
        ({"anthropic-ratelimit-requests-reset": "2026-03-01T12:00:45Z"}, {}, "", 45),
        ({}, {"retry_after": 12}, "", 12),
        ({}, {}, "Please try again in 6m0s.", 360),
        ({}, {}, "Please try again in 20.5s", 20.5),
        ({}, {}, "Please retry after 34 seconds.", 34),
        ({}, {}, "Please wait 2 minutes before you retry", 120),
        ({}, {}, "Please try again in 350ms.", 0.35),
        ({}, {}, "Please try again later.", None),
        ({}, {}, "Limit 30, used 31.", None),
        ({"Retry-After": "soon"}, {}, "", None),
        ({"Retry-After": "nan"}, {}, "", None),
        ({"Retry-After": "-5"}, {}, "", 0),
        ({"Retry-After": "9" * 400}, {}, "", None),
        ({}, {"retry_after": True, "metadata": 3, "details": [3, {"retryDelay": 4}]}, "", None),
    ],
)
def test_the_time_to_wait_is_found_wherever_a_provider_says_it(
    headers: dict[str, str], error: dict[str, Any], text: str, seconds: float | None
) -> None:
    assert seconds_to_wait(headers, error, text, NOW) == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "a moment"),
        (0, "a moment"),
        (2, "2 seconds"),
        (64.2, "65 seconds"),
        (600, "10 minutes"),
        (3 * 3600, "3 hours"),
        (timedelta(days=3).total_seconds(), "3 days"),
    ],
)
def test_a_wait_is_said_as_people_say_it(seconds: float | None, said: str) -> None:
    assert in_words(seconds) == said


@given(st.text())
def test_untrusted_text_becomes_one_line_without_marks_that_act(text: str) -> None:
    shown = single_line(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)
    assert shown == shown.strip()
    shown.encode()


@given(st.text(max_size=300), st.text("abcXYZ019-_", min_size=8, max_size=40), st.integers(0, 300))
def test_a_key_is_never_quoted_however_the_text_is_cut(text: str, key: str, where: int) -> None:
    assert key not in quoted(text[:where] + key + text[where:], [key])


@pytest.mark.parametrize(
    "echo",
    [
        "sk-proj-abc***wxyz",
        "sk-or-v1-0123456789abcdef",
        "AIzaSyA0123456789abcdef",
        "gsk_0123456789abc",
        "Bearer abcdefgh1234",
    ],
)
def test_what_looks_like_a_key_is_not_quoted_either(echo: str) -> None:
    assert "[key]" in redact(f"wrong key: {echo}.", [])
    assert echo[-6:] not in redact(f"wrong key: {echo}.", [])


def test_long_words_of_a_provider_are_shortened() -> None:
    assert quoted("x" * 1000, []) == "“" + "x" * 199 + "…”"
    assert quoted("\n\t ", []) == ""


def parted(pieces: list[str]) -> tuple[str, str]:
    """Return reasoning and answer of a reply in these pieces."""
    splitter = ThinkSplitter()
    reasoning, answer = "", ""
    for event in [event for piece in pieces for event in splitter.feed(piece)] + list(splitter.finish()):
        match event:
            case Delta(text):
                answer += text
            case Reasoning(text):
                reasoning += text
            case Reclassified("reasoning"):
                reasoning, answer = reasoning + answer, ""
            case Reclassified():
                reasoning, answer = "", reasoning + answer
    return reasoning, answer


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>Hm.</think>Yes", "Hm.", "Yes"),
        (" \n<think>\nHm.\n</think>\n\nYes\n", "\nHm.\n", "Yes\n"),
        ("<thinking>Hm.</thinking>Yes", "Hm.", "Yes"),
        ("<think></think>\n\nYes", "", "Yes"),
        ("<think>never closed", "never closed", ""),
        ("<think>a </thin b</think>c", "a </thin b", "c"),
        ("Say <think>x</think>", "", "Say <think>x</think>"),
        ("<thin air", "", "<thin air"),
        ("<think", "", "<think"),
        ("  single_line", "", "  single_line"),
        ("\n", "", "\n"),
        ("", "", ""),
    ],
)
def test_thinking_is_parted_from_the_answer_wherever_the_pieces_end(text: str, reasoning: str, answer: str) -> None:
    assert parted([text]) == (reasoning, answer)
    assert parted(list(text)) == (reasoning, answer)
    for cut in range(len(text)):
        assert parted([text[:cut], text[cut:]]) == (reasoning, answer)


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("Hm.\n</think>\n\nYes.", "Hm.\n", "Yes."),
        ("Hm. </think>Yes.", "Hm. ", "Yes."),
        ("</think>\n\nYes.", "", "Yes."),
        ("<thought>Hm.</thought>Yes.", "Hm.", "Yes."),
        ("<Think>Hm.</THINK>Yes.", "Hm.", "Yes."),
        ("[THINK]Hm.[/THINK]Yes.", "Hm.", "Yes."),
        ("◁think▷Hm.◁/think▷Yes.", "Hm.", "Yes."),
        ("<seed:think>Hm.</seed:think>Yes.", "Hm.", "Yes."),
        ("<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Yes.<|END_RESPONSE|>", "Hm.", "Yes."),
        ("<think>a</think><think>b</think>Yes.", "ab", "Yes."),
        ("<think>a</think>Yes.\n<think>b</think>\nNo.", "ab", "Yes.\nNo."),
        ("<think>a</think>Yes, <think>b</think> and no.", "ab", "Yes, and no."),
        ("<think>a</think></think>\nYes.", "a", "Yes."),
        ("<think>a</think>The tag <think> begins it.", "a", "The tag <think> begins it."),
        ("The tags <think> and </think> part it.", "", "The tags <think> and </think> part it."),
        ("Close it with `</think>`.", "", "Close it with `</think>`."),
        ("```\nx\n</think>\n```\nso", "", "```\nx\n</think>\n```\nso"),
        ('Write "</think>" there.', "", 'Write "</think>" there.'),
        ("a [think] b < c << 3 [/", "", "a [think] b < c << 3 [/"),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>",
            "Hm.",
            "Yes.",
        ),
        ("<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>Yes.", "Hm.", "Yes."),
        ("Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "Hm.<|end|>", "Yes."),
        ("<|channel|>final<|message|>Yes.", "", "Yes."),
        ("<|channel|>commentary to=functions.x<|message|>{}<|call|>", "{}", ""),
        ("<|channel|> is a token", "", "<|channel|> is a token"),
    ],
)
def test_tags_of_every_model_are_taken_out_wherever_the_pieces_end(text: str, reasoning: str, answer: str) -> None:
    assert parted([text]) == (reasoning, answer)
    assert parted(list(text)) == (reasoning, answer)
    for cut in range(len(text)):
        assert parted([text[:cut], text[cut:]]) == (reasoning, answer)


TAGS = ["<think>", "</think>", "<thi", "nk>", "\n", " ", "a", "</", "<", "`", "```\n", "<thought>", "[/THINK]"]
HARMONY = ["<|channel|>", "<|start|>", "<|message|>", "<|end|>", "analysis", "final", "<|", "|>"]


@given(st.lists(st.sampled_from([*TAGS, *HARMONY]), max_size=14))
def test_how_a_reply_is_cut_into_pieces_does_not_matter(pieces: list[str]) -> None:
    assert parted(pieces) == parted(["".join(pieces)])


def test_importing_providers_loads_no_network_and_no_screen() -> None:
    heavy = "('httpx', 'textual', 'sqlite3', 'llm')"
    program = f"import sys, sterna.providers; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
