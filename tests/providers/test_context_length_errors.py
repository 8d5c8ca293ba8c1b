"""Errors about the context length in the words of every provider, and the numbers in them."""

# ruff: noqa: E501  - the messages stand as the servers send them

from __future__ import annotations

import json
from typing import Any

import pytest

from sterna.providers import Endpoint, FailureKind
from sterna.providers.failures import FailureReporter

WORDINGS: tuple[tuple[str, int | None, int | None], ...] = (
    (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce the length of the messages.",
        8192,
        9001,
    ),
    (
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        None,
        None,
    ),
    ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", 4096, 5000),
    (
        "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens (2900 in the messages, 100 in the completion). Please reduce",
        2048,
        3000,
    ),
    ("The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that", 4096, 5000),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 8192 tokens and your request has 26 input tokens (8192 > 8192 - 26).",
        8192,
        8192,
    ),
    ("input length exceeds maximum context length", None, None),
    ("the input length exceeds the context length", None, None),
    ("prompt too long; exceeded max context length by 2000 tokens", None, None),
    (
        "Trying to keep the first 5242 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load",
        4096,
        5242,
    ),
    (
        "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length",
        None,
        None,
    ),
    (
        "Reached context length of 4096 tokens with this model, but this model does not support mid-generation context overflow",
        4096,
        None,
    ),
    ("prompt is too long: 210000 tokens > 200000 maximum", 200000, 210000),
    (
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length",
        200000,
        210000,
    ),
    ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1048576, 1200000),
    (
        "This endpoint's maximum context length is 8192 tokens. However, you requested about 10000 tokens (9000 of text input, 1000 in the output).",
        8192,
        10000,
    ),
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        32768,
        40000,
    ),
    ("Please reduce the length of the messages or completion.", None, None),
    (
        "Request too large for model `x` in organization `y` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size",
        None,
        None,
    ),
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens and 512 `max_new_tokens`",
        4097,
        5000,
    ),
    ("Input validation error: `inputs` must have less than 1024 tokens. Given: 2000", 1024, 2000),
    (
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000. Try using a shorter prompt",
        4081,
        5000,
    ),
    ("This model's maximum prompt length is 131072 but the request contains 140,000 tokens.", 131072, 140000),
    ("Input is too long for requested model.", None, None),
    ("The prompt is too long: 5000, model maximum context length: 4096", 4096, 5000),
    ("Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192", 8192, 9000),
    ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096, 5000),
    ("Prompt length 5000 is greater than max_seq_len 4096", 4096, 5000),
    ("prompt token count of 70000 exceeds the limit of 64000", 64000, 70000),
    ("litellm.ContextWindowExceededError: too long", None, None),
    ("Requested tokens (5000) exceed context window of 4096", 4096, 5000),
    ("Prompt length (5000) exceeds maximum input length (4096). Set log level", 4096, 5000),
    ("the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model", 4096, 5000),
    ("This model's maximum context length is 131,072 tokens. However, you requested 150,000 tokens", 131072, 150000),
)


@pytest.mark.parametrize(("message", "limit", "tokens"), WORDINGS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("code", [400, 422, 500])
def test_a_refusal_for_length_is_known_by_its_words(
    message: str, limit: int | None, tokens: int | None, code: int
) -> None:
    reporter = FailureReporter(Endpoint("acme", "http://a.example"), "m")
    payload: dict[str, Any] = {"error": {"message": message}}
    for failed in (reporter.status(code, {}, json.dumps(payload).encode()), reporter.error(payload)):
        assert failed.kind is FailureKind.TOO_LONG
        assert (failed.limit, failed.tokens) == (limit, tokens)
        assert "too long for acme" in failed.message


def test_fields_say_more_than_words() -> None:
    error = {
        "code": 400,
        "message": "the request exceeds the available context size",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 5000,
        "n_ctx": 4096,
    }
    failed = FailureReporter(Endpoint("acme", "http://a.example")).error({"error": error})
    assert (failed.limit, failed.tokens) == (4096, 5000)


@pytest.mark.parametrize(
    "message",
    [
        "Loading model",
        "temperature: Input should be less than 2",
        "max_tokens must be less than 4096",
        "The GPU is gone",
    ],
)
def test_other_errors_are_not_taken_for_it(message: str) -> None:
    failed = FailureReporter(Endpoint("acme", "http://a.example")).error({"error": {"message": message}})
    assert failed.kind is not FailureKind.TOO_LONG
