"""POST /api/chat: requests, settings of the profile, and errors.

See docs/specification/endpoints.md#chat.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from accounts import Db, Person
from polling import wait_until

from tests.fake_openai import Script, Server

FREE = "deepseek/deepseek-r1-0528:free"
At = Callable[..., httpx.Client]


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert body["timestamp"].endswith("Z")
    return answer.status_code, body["code"], body["error"]


def plain(db: Db, who: Person) -> Person:
    """Somebody whose profile says nothing about how a model is to answer."""
    db.execute("update profiles set temperature = null, system_prompt = null where id = %s", (who.id,))
    return who


def test_a_whole_answer_has_the_specified_fields(chat: httpx.Client, model: Server) -> None:
    response = chat.post(
        "/api/chat", json={"message": "hello", "current_message_id": "m1"}, headers={"x-request-id": "r1"}
    )
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert response.json()["timestamp"] == data.pop("timestamp")
    assert data.pop("elapsed_ms") >= 0
    assert data == {
        "response": "You said: hello",
        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
        "request_id": "m1",
        "contentType": "markdown",
        "id": "gen-1",
        "model": FREE,
        "annotations": [],
        "has_websearch": False,
        "websearch_result_count": 0,
    }
    assert (response.headers["x-request-id"], response.headers["x-model"]) == ("r1", FREE)


def test_the_model_gets_the_context_and_room_for_two_fifths_of_what_it_can_read(
    chat: httpx.Client, model: Server, db: Db, ada: Person
) -> None:
    plain(db, ada)
    turns = [
        {"role": "user", "content": "one", "id": "a"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three", "id": "b"},
    ]
    response = chat.post("/api/chat", json={"message": " three ", "messages": turns})
    assert response.json()["data"]["request_id"] == "b"
    request = model.fake.requests[0]
    assert request["messages"] == [{"role": turn["role"], "content": turn["content"]} for turn in turns]
    assert request["max_tokens"] == 3140
    assert request["model"] == FREE


def test_what_the_request_sets_counts_where_the_profile_sets_nothing(
    chat: httpx.Client, model: Server, ada: Person, db: Db
) -> None:
    plain(db, ada)
    assert chat.post("/api/chat", json={"message": "x", "temperature": 1.5, "systemPrompt": "Be brief."}).is_success
    assert model.fake.requests[0]["temperature"] == 1.5
    assert model.fake.requests[0]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_the_profile_goes_before_the_request(chat: httpx.Client, model: Server, ada: Person, db: Db) -> None:
    db.execute("update profiles set temperature = 0.1, system_prompt = 'Rhyme.' where id = %s", (ada.id,))
    assert chat.post("/api/chat", json={"message": "x", "temperature": 1.5, "systemPrompt": "Be brief."}).is_success
    assert model.fake.requests[0]["temperature"] == 0.1
    assert [message["content"] for message in model.fake.requests[0]["messages"]] == ["Rhyme.", "x"]


def test_a_request_that_says_so_goes_before_the_profile(chat: httpx.Client, model: Server, ada: Person, db: Db) -> None:
    db.execute("update profiles set temperature = 0.1, system_prompt = 'Rhyme.' where id = %s", (ada.id,))
    own = {"overrideProfile": True}
    brief = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x"}]
    for result in ({"message": "x", "systemPrompt": "Be brief."}, {"messages": brief}):
        assert chat.post("/api/chat", json=own | result | {"temperature": 1.5}).is_success
    assert chat.post("/api/chat", json=own | {"message": "x"}).is_success  # it says nothing: the profile's
    assert [request["temperature"] for request in model.fake.requests] == [1.5, 1.5, 0.1]
    contents = [[message["content"] for message in request["messages"]] for request in model.fake.requests]
    assert contents == [["Be brief.", "x"], ["Be brief.", "x"], ["Rhyme.", "x"]]


def test_who_never_chose_has_what_new_profiles_have(chat: httpx.Client, model: Server) -> None:
    assert chat.post("/api/chat", json={"message": "x", "temperature": 1.5, "systemPrompt": "Be brief."}).is_success
    assert model.fake.requests[0]["temperature"] == 0.7
    assert "Be brief." not in [message["content"] for message in model.fake.requests[0]["messages"]]


def test_reasoning_is_asked_for_and_answered_at_the_enterprise_tier(
    at: At, model: Server, person: Callable[..., Person]
) -> None:
    response = at(person("enterprise")).post(
        "/api/chat", json={"message": "!think deep thoughts", "reasoning": {"effort": "high"}}
    )
    assert model.fake.requests[0]["reasoning_effort"] == "high"
    assert response.json()["data"]["reasoning"] == "deep thoughts "
    assert response.json()["data"]["response"] == "Thought about it."


def test_reasoning_that_nobody_asked_for_is_not_passed_on(chat: httpx.Client) -> None:
    response = chat.post("/api/chat", json={"message": "!think secrets"})
    assert "secrets" not in response.text


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/stream"])
@pytest.mark.parametrize(
    ("tier", "body", "expected"),
    [
        ("free", {}, (400, "bad_request", "Send a message, or messages.")),
        ("free", {"message": "  ", "messages": []}, (400, "bad_request", "Send a message, or messages.")),
        (
            "free",
            {"message": "x" * 20_001},
            (413, "payload_too_large", "The message is longer than 20,000 characters. Shorten it."),
        ),
        (
            "free",
            {"message": "x", "webSearch": True},
            (403, "forbidden", "Web search requires the tier pro or enterprise."),
        ),
        (
            "pro",
            {"message": "x", "webSearch": True},
            (501, "not_implemented", "This server does not support web search. Try without it."),
        ),
        (
            "pro",
            {"message": "x", "reasoning": {"effort": "low"}},
            (403, "forbidden", "Reasoning requires the tier enterprise."),
        ),
        (
            "pro",
            {"message": "x", "imageOutput": True},
            (403, "forbidden", "Image output requires the tier enterprise."),
        ),
        (
            "enterprise",
            {"message": "x", "imageOutput": True},
            (501, "not_implemented", "This server does not support image output. Request text."),
        ),
        (
            "enterprise",
            {"message": "x", "attachmentIds": ["a"]},
            (400, "bad_request", "This server does not support attachments. Send the text without them."),
        ),
    ],
)
def test_what_may_not_be_asked_is_refused_with_a_sentence(
    at: At,
    model: Server,
    person: Callable[..., Person],
    path: str,
    tier: str,
    body: dict[str, Any],
    expected: tuple[int, str, str],
) -> None:
    assert refused(at(person(tier)).post(path, json=body)) == expected
    assert not model.fake.requests


@pytest.mark.parametrize(
    "wrong",
    [
        {"message": 7},
        {"messages": "x"},
        {"messages": [1]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": ["x"]}]},
        {"messages": [{"role": "user"}]},
        {"message": "x", "temperature": 2.1},
        {"message": "x", "webMaxResults": 11},
        {"message": "x", "reasoning": {"effort": "endless"}},
        ["x"],
    ],
)
def test_a_request_of_another_shape_is_refused(chat: httpx.Client, model: Server, wrong: Any) -> None:
    status, code, text = refused(chat.post("/api/chat", json=wrong))
    assert (status, code) == (400, "bad_request")
    assert text
    assert not model.fake.requests


def test_unknown_fields_are_ignored(chat: httpx.Client) -> None:
    request = {"message": "x", "stream": True, "draftId": "d", "plugins": [{"id": "web"}], "webMaxResults": 3}
    assert chat.post("/api/chat", json=request).status_code == 200


def test_a_message_of_twenty_thousand_characters_is_taken(chat: httpx.Client, model: Server) -> None:
    model.fake.reply = lambda body: Script(("yes",))
    assert chat.post("/api/chat", json={"message": "x" * 20_000}).status_code == 200


@pytest.mark.parametrize(("tier", "most"), [("free", 10_000), ("pro", 20_000), ("enterprise", 50_000)])
def test_the_context_may_be_as_long_as_the_tier_says(
    at: At, model: Server, db: Db, person: Callable[..., Person], tier: str, most: int
) -> None:
    model.fake.reply = lambda body: Script(("yes",))
    client = at(plain(db, person(tier)))
    turns = [{"role": "assistant", "content": "x" * (most * 4 - 4)}, {"role": "user", "content": "four"}]
    assert client.post("/api/chat", json={"messages": turns}).status_code == 200
    turns[0]["content"] += "x"
    assert refused(client.post("/api/chat", json={"messages": turns})) == (
        400,
        "bad_request",
        f"The request has about {most + 1:,} tokens. The limit of the tier {tier} is {most:,}.",
    )


def test_the_system_prompt_counts_too(chat: httpx.Client, db: Db, ada: Person) -> None:
    plain(db, ada)
    request = {"message": "x" * 20_000, "systemPrompt": "x" * 20_001}
    assert refused(chat.post("/api/chat", json=request))[:2] == (400, "bad_request")


@pytest.mark.parametrize(
    ("prompt", "status", "code", "kind"),
    [
        ("!fail 500", 502, "bad_gateway", "server"),
        ("!fail 503", 502, "bad_gateway", "server"),
        ("!html", 502, "bad_gateway", "malformed"),
        ("!garbage 0", 502, "bad_gateway", "malformed"),
        ("!end 0", 502, "bad_gateway", "truncated"),
        ("!fail 400", 400, "bad_request", "bad_request"),
        ("!fail 401", 400, "bad_request", "auth"),
        ("!fail 402", 400, "bad_request", "payment"),
        ("!fail 403", 400, "bad_request", "forbidden"),
        ("!fail 404", 400, "bad_request", "not_found"),
        ("!fail 413", 400, "bad_request", "too_long"),
        ("!fail 429", 400, "bad_request", "rate_limit"),
    ],
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/stream"])
def test_a_failure_of_the_model_service_is_told_in_our_words(
    chat: httpx.Client, path: str, prompt: str, status: int, code: str, kind: str
) -> None:
    response = chat.post(path, json={"message": prompt})
    assert refused(response)[:2] == (status, code)
    body = response.json()
    assert body["upstreamErrorCode"] == kind
    assert "could not be reached" not in body["error"], "it has answered"
    assert body["upstreamErrorMessage"] == body["error"]
    assert body["error"].endswith(".")
    assert "sk-secret" not in response.text
    assert "scripted" not in response.text
    assert response.headers.get("retry-after") == ("7" if kind == "rate_limit" else None)


def test_a_reply_that_breaks_off_is_no_answer(chat: httpx.Client) -> None:
    response = chat.post("/api/chat", json={"message": "!drop 5"})
    assert refused(response)[:2] == (502, "bad_gateway")
    assert "word1" not in response.text


def test_the_model_service_is_left_when_the_client_does_not_wait_for_the_whole(
    chat: httpx.Client, model: Server
) -> None:
    with suppress(httpx.ReadTimeout):
        chat.post("/api/chat", json={"message": "!hold 3"}, timeout=httpx.Timeout(30, read=0.5))
    wait_until(lambda: model.fake.left == 1, "the model is left")


def test_strangers_and_servers_without_a_model_service_are_refused(http: httpx.Client, ada: Person) -> None:
    assert refused(http.post("/api/chat", json={"message": "x"})) == (
        401,
        "auth_required",
        "Sign in to chat on this server.",
    )
    assert refused(ada.http.post("/api/chat/stream", json={"message": "x"})) == (
        503,
        "service_unavailable",
        "This server has no model service: it was started without --upstream-url.",
    )


def test_replies_and_tokens_are_counted_for_the_operator(chat: httpx.Client) -> None:
    def counted(line: str) -> float:
        lines = chat.get("/metrics").text.splitlines()
        return sum(float(item.rpartition(" ")[2]) for item in lines if item.startswith(line))

    names = [
        'sterna_relay_replies_total{outcome="whole"}',
        'sterna_relay_replies_total{outcome="server"}',
        'sterna_relay_tokens_total{direction="input"}',
    ]
    before = [counted(name) for name in names]
    assert chat.post("/api/chat", json={"message": "hello"}).is_success
    assert chat.post("/api/chat/stream", json={"message": "hello"}).is_success
    assert chat.post("/api/chat", json={"message": "!fail 500"}).is_error
    assert [counted(name) - was for name, was in zip(names, before, strict=True)] == [2, 1, 22]


@pytest.mark.parametrize(
    "uri", ["", "https://example.org/a.png", "data:image/svg+xml;base64,PHN2Zy8+", "data:image/png;base64,a"]
)
def test_what_is_no_image_is_refused(chat: httpx.Client, model: Server, uri: str) -> None:
    body = {"messages": [{"role": "user", "content": "hello", "images": [uri]}]}
    assert chat.post("/api/chat", json=body).status_code == 400
    assert model.fake.requests == []


def test_images_count_for_the_limit_of_a_tier_and_those_of_other_roles_are_left_out(
    chat: httpx.Client, model: Server
) -> None:
    picture = "data:image/png;base64,aGVsbG8="
    others = [{"role": "assistant", "content": "Hi", "images": [picture] * 9}]
    few = {"messages": [*others, {"role": "user", "content": "hello", "images": [picture] * 6}]}
    assert chat.post("/api/chat", json=few).status_code == 200
    many = {"messages": [{"role": "user", "content": "hello", "images": [picture] * 7}]}
    status, code, sentence = refused(chat.post("/api/chat", json=many))
    assert (status, code) == (413, "payload_too_large")
    assert "about 10,5" in sentence, "1,500 for each image"
