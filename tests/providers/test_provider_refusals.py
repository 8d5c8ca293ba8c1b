"""A refusal of a server becomes a sentence that says what to do, with the time after which to try again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from failing import KEY, failure, reply
from raw_server import answer, serving

from sterna.providers import FailureKind


@dataclass(frozen=True)
class Case:
    """Response of a server, and the message for the user."""

    name: str
    status: str
    body: Any
    kind: FailureKind
    says: tuple[str, ...]
    headers: tuple[str, ...] = ()
    wait: float | None = None


ECHO = f"Incorrect API key provided: {KEY}. See \x1b[31mhttps://acme.example\x1b[0m\nfor keys."


CASES = (
    Case(
        "OpenAI echoes the key of a 401",
        "401 Unauthorized",
        {"error": {"message": ECHO, "type": "invalid_request_error", "code": "invalid_api_key"}},
        FailureKind.AUTH,
        ("rejected the API key", "Incorrect API key provided: [key]", "ACME_KEY"),
    ),
    Case("a 401 without words", "401 Unauthorized", "", FailureKind.AUTH, ("rejected the API key", "ACME_KEY")),
    Case(
        "OpenRouter is out of credit",
        "402 Payment Required",
        {"error": {"message": "Insufficient credits. Add more.", "code": 402}},
        FailureKind.PAYMENT,
        ("no credit left", "Insufficient credits", "Add credit"),
    ),
    Case(
        "OpenAI's quota is used up, which it calls 429",
        "429 Too Many Requests",
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        FailureKind.PAYMENT,
        ("no credit left", "Add credit"),
    ),
    Case(
        "Anthropic's credit balance is too low, which it calls 400",
        "400 Bad Request",
        {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}},
        FailureKind.PAYMENT,
        ("no credit left",),
    ),
    Case(
        "a region is not served",
        "403 Forbidden",
        {"error": {"message": "Country, region, or territory not supported"}},
        FailureKind.FORBIDDEN,
        ("refused this request", "region", "choose another"),
    ),
    Case(
        "OpenAI does not know the model",
        "404 Not Found",
        {"error": {"message": "The model `small` does not exist", "code": "model_not_found"}},
        FailureKind.NOT_FOUND,
        ("has no model “small”", "Choose a model"),
    ),
    Case(
        "OpenRouter does not know the model, which it calls 400",
        "400 Bad Request",
        {"error": {"message": "small is not a valid model ID", "code": 400}},
        FailureKind.NOT_FOUND,
        ("has no model “small”", "Choose a model"),
    ),
    Case(
        "the path is wrong",
        "404 Not Found",
        {"detail": "Not Found"},
        FailureKind.NOT_FOUND,
        ("There is no chat API at http://127.0.0.1", "url of “acme”", "/v1"),
    ),
    Case(
        "the path leads to a web page",
        "404 Not Found",
        "<html><body>Nothing here</body></html>",
        FailureKind.NOT_FOUND,
        ("There is no chat API", "/v1"),
    ),
    Case(
        "the method is not taken", "405 Method Not Allowed", "", FailureKind.NOT_FOUND, ("no chat API", "config.toml")
    ),
    Case(
        "the body is too large for a gateway",
        "413 Request Entity Too Large",
        "<html><h1>413</h1></html>",
        FailureKind.TOO_LONG,
        ("too long for Acme", "new conversation"),
    ),
    Case(
        "OpenAI's context is full",
        "400 Bad Request",
        {
            "error": {
                "message": "This model's maximum context length is 8192 tokens.",
                "code": "context_length_exceeded",
            }
        },
        FailureKind.TOO_LONG,
        ("too long for Acme", "8192 tokens", "larger context"),
    ),
    Case(
        "llama.cpp's context is full",
        "400 Bad Request",
        {"error": {"code": 400, "message": "the request exceeds the available context size", "type": "exceed_context"}},
        FailureKind.TOO_LONG,
        ("too long for Acme",),
    ),
    Case(
        "Anthropic's context is full",
        "400 Bad Request",
        {"type": "error", "error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}},
        FailureKind.TOO_LONG,
        ("too long for Acme", "210000"),
    ),
    Case(
        "a limit with seconds to wait",
        "429 Too Many Requests",
        {"error": {"message": "Rate limit reached"}},
        FailureKind.RATE_LIMIT,
        ("rate limit reached", "Wait 20 seconds", "another model"),
        ("Retry-After: 20",),
        20,
    ),
    Case(
        "a limit with a date to wait for",
        "429 Too Many Requests",
        {"error": {"message": "Rate limit reached"}},
        FailureKind.RATE_LIMIT,
        ("Wait 30 minutes",),
        ("Retry-After: Sun, 01 Mar 2026 12:30:00 GMT",),
        1800,
    ),
    Case(
        "OpenRouter's limit is in the body's own headers",
        "429 Too Many Requests",
        {
            "error": {
                "message": "Rate limit exceeded: free-models-per-day",
                "code": 429,
                "metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1772406000000"}},
            }
        },
        FailureKind.RATE_LIMIT,
        ("free-models-per-day", "Wait 11 hours"),
        (),
        39600,
    ),
    Case(
        "a limit with the words only",
        "429 Too Many Requests",
        {"error": {"message": "Rate limit reached for small. Please try again in 1m4s. Visit our site."}},
        FailureKind.RATE_LIMIT,
        ("Wait 64 seconds",),
        (),
        64,
    ),
    Case(
        "a limit without a time",
        "429 Too Many Requests",
        "slow down",
        FailureKind.RATE_LIMIT,
        ("slow down", "Wait a moment"),
    ),
    Case(
        "Google's list with an error",
        "429 Too Many Requests",
        [
            {
                "error": {
                    "code": 429,
                    "message": "Resource has been exhausted",
                    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}],
                }
            }
        ],
        FailureKind.RATE_LIMIT,
        ("exhausted", "Wait 34 seconds"),
        (),
        34,
    ),
    Case(
        "an upstream's own words inside OpenRouter's",
        "502 Bad Gateway",
        {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error":{"message":"GPU on fire"}}'}}},
        FailureKind.SERVER,
        ("server error (502)", "GPU on fire", "Retry"),
    ),
    Case(
        "Ollama's memory is too small",
        "500 Internal Server Error",
        {"error": "model requires more system memory (9.1 GiB) than is available"},
        FailureKind.SERVER,
        ("more system memory", "another model"),
    ),
    Case(
        "a gateway's own page",
        "502 Bad Gateway",
        "<!DOCTYPE html><title>Bad gateway</title>",
        FailureKind.SERVER,
        ("server error (502). Retry in a moment",),
    ),
    Case(
        "a request that took the server too long",
        "408 Request Timeout",
        {"error": {"message": "Timed out"}},
        FailureKind.SERVER,
        ("server error (408)", "Retry in a moment"),
    ),
    Case(
        "a server that asks for time",
        "503 Service Unavailable",
        {"error": {"message": "Loading model"}},
        FailureKind.SERVER,
        ("Loading model", "Retry in 7 seconds"),
        ("Retry-After: 7",),
        7,
    ),
    Case(
        "FastAPI's complaints",
        "422 Unprocessable Entity",
        {"detail": [{"loc": ["body", "temperature"], "msg": "Input should be less than 2"}]},
        FailureKind.BAD_REQUEST,
        ("rejected the request (422)", "less than 2", "settings"),
    ),
    Case(
        "a captive portal redirects",
        "302 Found",
        "",
        FailureKind.MALFORMED,
        ("redirects elsewhere to http://portal.example", "sign-in"),
        (f"Location: http://portal.example/login?key={KEY}",),
    ),
    Case(
        "a page instead of a reply",
        "200 OK",
        "<!doctype html><html>Sign in</html>",
        FailureKind.MALFORMED,
        ("web page",),
    ),
    Case(
        "prose instead of a reply",
        "200 OK",
        f"hello from {KEY}",
        FailureKind.MALFORMED,
        ("not a chat reply", "hello from"),
    ),
    Case("JSON that is no reply", "200 OK", {"hello": KEY}, FailureKind.MALFORMED, ("not a chat reply", "Retry")),
    Case("half of a JSON reply", "200 OK", '{"choices": [{"mess', FailureKind.MALFORMED, ("not a chat reply",)),
    Case("an empty answer", "200 OK", "", FailureKind.TRUNCATED, ("before a reply came", "Retry")),
    Case(
        "an error with status 200",
        "200 OK",
        {"error": {"message": "upstream overloaded", "type": "overloaded_error"}},
        FailureKind.SERVER,
        ("upstream overloaded", "Retry"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_refusal_tells_what_to_do(case: Case) -> None:
    async with serving(answer(case.status, case.body, *case.headers, f"X-Echo: {KEY}")) as server:
        failed = failure(await reply(server.url))
        assert len(server.requests) == 1, "a request that may have been billed is not repeated"
    assert failed.kind is case.kind
    for words in case.says:
        assert words in failed.message
    assert failed.retry_after == case.wait
