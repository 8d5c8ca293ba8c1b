"""Errors in the words of many providers: the sentence has those words, and useful advice."""

# ruff: noqa: E501  - the messages stand as the servers send them

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sterna.providers import Endpoint, FailureKind
from sterna.providers.failures import FailureReporter

KIND = FailureKind
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RETRY, WAITS = "Retry", "Wait"

CASES: tuple[tuple[int, Any, FailureKind, str], ...] = (
    # models that do not chat
    (
        404,
        "This model is only supported in v1/responses and not in v1/chat/completions.",
        KIND.BAD_REQUEST,
        "Choose another model",
    ),
    (
        404,
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?",
        KIND.BAD_REQUEST,
        "Choose another model",
    ),
    (400, '"nomic-embed-text" does not support chat', KIND.BAD_REQUEST, "Choose another model"),
    (400, "'llava' does not support generate", KIND.BAD_REQUEST, "Choose another model"),
    (404, "No endpoints found that support image input", KIND.NOT_FOUND, "Choose another model"),
    (
        404,
        "No endpoints found matching your data policy. Enable prompt training here: https://openrouter.ai/settings/privacy",
        KIND.NOT_FOUND,
        "Choose another model",
    ),
    (404, "No allowed providers are available for the selected model.", KIND.NOT_FOUND, "Choose another model"),
    (
        404,
        "Publisher Model `x` was not found or your project does not have access to it.",
        KIND.NOT_FOUND,
        "Choose a model",
    ),
    # models that are not there
    (
        404,
        "The model `gpt-9` does not exist or you do not have access to it.",
        KIND.NOT_FOUND,
        "Choose a model from its list",
    ),
    (404, 'model "x" not found, try pulling it first', KIND.NOT_FOUND, "Choose a model from its list"),
    (
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        KIND.NOT_FOUND,
        "Choose a model",
    ),
    (
        400,
        "The model `mixtral-8x7b-32768` has been decommissioned and is no longer supported.",
        KIND.NOT_FOUND,
        "Choose a model",
    ),
    (400, "x is not a valid model ID", KIND.NOT_FOUND, "Choose a model"),
    (400, "Invalid model: x", KIND.NOT_FOUND, "Choose a model"),
    (400, "Unknown model x", KIND.NOT_FOUND, "Choose a model"),
    (
        400,
        "No models loaded. Please load a model in the developer page or use the `lms load` command.",
        KIND.NOT_FOUND,
        "Choose a model",
    ),
    (
        403,
        "Your project does not have access to model `o9`: You do not have access to the model",
        KIND.NOT_FOUND,
        "Choose a model",
    ),
    # the path
    (404, {"detail": "Not Found"}, KIND.NOT_FOUND, "url of"),
    (404, "404 page not found", KIND.NOT_FOUND, "url of"),
    (404, "Invalid URL (POST /v2/chat/completions)", KIND.NOT_FOUND, "url of"),
    (404, "Unknown request URL: POST /chat/completions. Please check the URL for typos.", KIND.NOT_FOUND, "url of"),
    (404, "Cannot POST /v1/chat/completions", KIND.NOT_FOUND, "url of"),
    (404, "Unexpected endpoint or method. (POST /chat/completions)", KIND.NOT_FOUND, "url of"),
    (404, "Resource not found", KIND.NOT_FOUND, "url of"),
    (405, "Method Not Allowed", KIND.NOT_FOUND, "url of"),
    # limits that go by, and those that do not
    (
        429,
        "You exceeded your current quota, please check your plan and billing details. Quota exceeded for metric: generate_content_free_tier_requests, limit: 20. Please retry in 26.4s.",
        KIND.RATE_LIMIT,
        "Wait 27 seconds",
    ),
    (
        429,
        {
            "error": {
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": "You exceeded your current quota",
                "details": [{"retryDelay": "26s"}],
            }
        },
        KIND.RATE_LIMIT,
        "Wait 26 seconds",
    ),
    (
        429,
        "Rate limit reached for model `x` on requests per minute (RPM): Limit 30. Please try again in 2s.",
        KIND.RATE_LIMIT,
        "Wait 2 seconds",
    ),
    (
        429,
        {
            "error": {
                "message": "You exceeded your current quota, please check your plan and billing details.",
                "code": "insufficient_quota",
            }
        },
        KIND.PAYMENT,
        "Add credit",
    ),
    (
        429,
        {"error": {"message": "insufficient_quota: try again in 20s", "code": "insufficient_quota"}},
        KIND.PAYMENT,
        "Add credit",
    ),
    (402, "Insufficient Balance", KIND.PAYMENT, "Add credit"),
    (
        402,
        "This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 100.",
        KIND.PAYMENT,
        "Add credit",
    ),
    (403, "Key limit exceeded (total limit). You have reached your spending limit", KIND.PAYMENT, "Add credit"),
    (400, "Your credit balance is too low to access the Anthropic API.", KIND.PAYMENT, "Add credit"),
    (
        429,
        "Request too large for gpt-4o in organization org on tokens per min (TPM): Limit 30000, Requested 40000. The input or output tokens must be reduced in order to run successfully.",
        KIND.TOO_LONG,
        "Shorten",
    ),
    # keys
    (
        400,
        {
            "error": {
                "code": 400,
                "status": "INVALID_ARGUMENT",
                "message": "API key not valid. Please pass a valid API key.",
            }
        },
        KIND.AUTH,
        "valid key",
    ),
    (400, "API key expired. Please renew the API key.", KIND.AUTH, "valid key"),
    (403, "Your API key was reported as leaked. Please use another API key.", KIND.AUTH, "valid key"),
    (401, "No auth credentials found", KIND.AUTH, "valid key"),
    (
        401,
        {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
        KIND.AUTH,
        "valid key",
    ),
    (403, "Missing bearer authentication in header: no API key", KIND.AUTH, "valid key"),
    # memory and loading
    (500, "model requires more system memory (9.1 GiB) than is available (4.0 GiB)", KIND.SERVER, "smaller"),
    (500, "CUDA error: out of memory", KIND.SERVER, "smaller"),
    (
        400,
        'Failed to load model "x". Error: Model loading was stopped due to insufficient system resources.',
        KIND.SERVER,
        "smaller",
    ),
    (404, "Failed to load model: unknown error, out of memory", KIND.SERVER, "smaller"),
    (500, "unable to allocate CUDA0 buffer: cudaMalloc failed: out of memory", KIND.SERVER, "smaller"),
    (500, "llama runner process has terminated: exit status 2", KIND.SERVER, "log"),
    (400, "Failed to load model", KIND.SERVER, "log"),
    (503, "Loading model", KIND.SERVER, RETRY),
    (503, "The model is overloaded. Please try again later.", KIND.SERVER, RETRY),
    (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, KIND.SERVER, RETRY),
    (504, "upstream request timeout", KIND.SERVER, RETRY),
    # what is asked for
    (500, "System role not supported", KIND.BAD_REQUEST, "system prompt"),
    (400, "Developer instruction is not enabled for models/gemma-3-27b-it", KIND.BAD_REQUEST, "system prompt"),
    (
        400,
        {
            "error": {
                "message": "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                "param": "messages[0].role",
            }
        },
        KIND.BAD_REQUEST,
        "system prompt",
    ),
    (501, "streaming is not implemented", KIND.BAD_REQUEST, "another provider"),
    (
        400,
        {"error": {"code": "content_policy_violation", "message": "Your request was rejected by our safety system."}},
        KIND.BAD_REQUEST,
        "other words",
    ),
    (
        400,
        {
            "error": {
                "code": "content_filter",
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            }
        },
        KIND.BAD_REQUEST,
        "other words",
    ),
    (403, 'x requires moderation on y. Your input was flagged for "violence".', KIND.BAD_REQUEST, "other words"),
    (403, "Country, region, or territory not supported", KIND.FORBIDDEN, "region"),
    (400, "User location is not supported for the API use.", KIND.FORBIDDEN, "region"),
    (
        422,
        {"detail": [{"loc": ["body", "temperature"], "msg": "Input should be less than 2"}]},
        KIND.BAD_REQUEST,
        "settings",
    ),
    (400, "Conversation roles must alternate user/assistant/user/assistant/...", KIND.BAD_REQUEST, "another model"),
    (407, "Proxy Authentication Required", KIND.NETWORK, "proxy"),
)


def payload_of(message: Any) -> dict[str, Any]:
    return message if isinstance(message, dict) else {"error": {"message": message}}


def words_of(message: Any) -> str:
    if isinstance(message, str):
        return message
    detail = message.get("detail")
    if isinstance(detail, list):
        return str(detail[0]["msg"])
    return str(detail or message["error"]["message"])


@pytest.mark.parametrize(
    ("code", "message", "kind", "advice"), CASES, ids=[f"{row[0]} {words_of(row[1])[:60]}" for row in CASES]
)
def test_an_error_is_told_by_its_words_with_advice_that_can_help(
    code: int, message: Any, kind: FailureKind, advice: str
) -> None:
    reporter = FailureReporter(Endpoint("acme", "http://a.example", label="Acme"), "x", clock=lambda: NOW)
    failed = reporter.status(code, {}, json.dumps(payload_of(message)).encode())
    assert failed.kind is kind, failed.message
    assert advice in failed.message
    if "url of" not in advice and code != 407:
        assert words_of(message)[:60] in failed.message
    if kind is not KIND.RATE_LIMIT:
        assert WAITS not in failed.message
    if kind not in (KIND.SERVER, KIND.AUTH) or advice in ("smaller", "log"):
        assert RETRY not in failed.message
    assert len(failed.message) < 500


@pytest.mark.parametrize("code", [400, 403, 404, 409, 418, 422, 429, 500, 502, 503])
def test_words_are_made_safe_and_short(code: int) -> None:
    message = "a\x1b[2Jb [/x]\u202e\nsk-canary-5f1d7c9b3a " + "x" * 5000
    failed = FailureReporter(Endpoint("acme", "http://a.example"), "m\x1b[31m").status(
        code, {}, json.dumps({"error": {"message": message}}).encode()
    )
    assert failed.message.isprintable()
    assert "canary" not in failed.message
    assert len(failed.message) < 500
    assert failed.message.endswith(".")
