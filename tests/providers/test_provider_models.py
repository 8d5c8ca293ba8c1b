"""The models of a provider are listed, whatever the format of its list."""

from __future__ import annotations

from typing import Any

import pytest
from raw_server import answer, serving

from sterna.providers import Catalog, Endpoint, FailureKind, Model, ProviderError, Timeouts, endpoint_provider
from sterna.providers.endpoint import endpoints_from
from sterna.providers.endpoint_provider import EndpointProvider
from sterna.providers.guide import guide
from sterna.providers.options import Options


async def none(_: str) -> list[Any]:
    return []


def built_in() -> Any:
    return guide(lambda _: "", none)


async def listed(endpoint: Endpoint, timeouts: Timeouts | None = None) -> list[Model]:
    provider = EndpointProvider(endpoint, timeouts=timeouts)
    try:
        return await provider.models()
    finally:
        await provider.aclose()


SHAPES = (
    (
        "OpenAI",
        {"object": "list", "data": [{"id": "gpt-5-mini", "object": "model", "created": 1, "owned_by": "x"}]},
        ("gpt-5-mini", "", None),
    ),
    (
        "OpenRouter",
        {
            "data": [
                {
                    "id": "acme/small",
                    "name": "Acme: Small",
                    "context_length": 65536,
                    "architecture": {"output_modalities": ["text"]},
                }
            ]
        },
        ("acme/small", "Acme: Small", 65536),
    ),
    (
        "Ollama",
        {"object": "list", "data": [{"id": "llama3.2:latest", "owned_by": "library"}]},
        ("llama3.2:latest", "", None),
    ),
    (
        "Ollama's own API",
        {"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest"}]},
        ("llama3.2:latest", "", None),
    ),
    (
        "LM Studio",
        {"data": [{"id": "qwen3", "type": "llm", "max_context_length": 32768, "loaded_context_length": 4096}]},
        ("qwen3", "", 4096),
    ),
    (
        "llama.cpp",
        {"models": [{"name": "m.gguf"}], "data": [{"id": "m.gguf", "meta": {"n_ctx_train": 131072}}]},
        ("m.gguf", "", 131072),
    ),
    ("vLLM", {"data": [{"id": "m", "max_model_len": 8192, "root": "m"}]}, ("m", "", 8192)),
    ("Google", {"data": [{"id": "models/gemini-flash-latest"}]}, ("gemini-flash-latest", "", None)),
    ("Together", [{"id": "m", "display_name": "M One", "type": "chat", "context_length": 8192}], ("m", "M One", 8192)),
    ("names only", {"data": ["m"]}, ("m", "", None)),
    (
        "odd rows between",
        {"data": [None, 3, {"id": ""}, {"id": 4}, {"id": "m", "context_length": True}]},
        ("m", "", None),
    ),
)


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
async def test_lists_of_every_server_are_read(body: Any, expected: tuple[str, str, int | None]) -> None:
    async with serving(answer("200 OK", body)) as server:
        models = await listed(Endpoint("acme", server.url))
        assert server.requests[0].line == "GET /v1/models HTTP/1.1"
    assert [(item.id, item.name, item.context_length) for item in models] == [expected]
    assert models[0].ref == f"acme/{expected[0]}"


async def test_models_that_do_not_chat_are_left_out() -> None:
    ids = ["text-embedding-3-small", "whisper-1", "tts-1", "gpt-5-mini", "gpt-image-1", "omni-moderation-latest"]
    rows: list[Any] = [{"id": item} for item in ids]
    rows.append({"id": "painter", "architecture": {"output_modalities": ["image"]}})
    rows.append({"id": "quiet", "type": "embeddings"})
    async with serving(answer("200 OK", {"data": rows})) as server:
        assert [item.id for item in await listed(Endpoint("acme", server.url))] == ["gpt-5-mini"]


async def test_models_named_in_the_settings_need_no_network() -> None:
    endpoint = Endpoint("acme", "http://127.0.0.1:1", models=("a", "b"), context_length=4096)
    assert await listed(endpoint) == [Model("acme", "a", "", 4096), Model("acme", "b", "", 4096)]


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (answer("200 OK", "<html>"), FailureKind.MALFORMED, "web page"),
        (answer("200 OK", {"hello": 1}), FailureKind.MALFORMED, "not a list of models"),
        (answer("200 OK", "["), FailureKind.MALFORMED, "not a list of models"),
        (answer("401 Unauthorized", ""), FailureKind.AUTH, "valid key"),
        (answer("404 Not Found", "404 page not found"), FailureKind.NOT_FOUND, "usually ends in /v1"),
        (b"", FailureKind.NETWORK, "dropped the connection"),
    ],
    ids=["page", "object", "half", "key", "path", "closed"],
)
async def test_a_list_that_does_not_come_is_a_sentence(raw: bytes, kind: FailureKind, says: str) -> None:
    async with serving(raw) as server:
        with pytest.raises(ProviderError, match=says) as error:
            await listed(Endpoint("acme", server.url))
    assert error.value.failure.kind is kind


async def test_a_list_that_takes_too_long_is_given_up() -> None:
    async def silent(_: Any) -> None:
        await server.over.wait()

    async with serving(silent) as server:
        with pytest.raises(ProviderError, match=r"within 0\.05 s") as error:
            await listed(Endpoint("acme", server.url), Timeouts(listing=0.05))
    assert error.value.failure.kind is FailureKind.TIMEOUT


async def test_the_catalog_lists_what_answers_and_tells_the_rest() -> None:
    async with serving(answer("200 OK", {"data": [{"id": "m"}]})) as server, serving(answer("500 Oops", "")) as broken:
        catalog = Catalog([Endpoint("a", server.url), Endpoint("b", broken.url)], guide=built_in())
        models = await catalog.models()
        await catalog.models()
        assert [item.ref for item in models] == ["a/m", "guide/guide"]
        assert list(catalog.problems) == ["b"]
        assert [catalog.has_answered(name) for name in catalog.names()] == [True, False, False]
        assert "server error (500)" in catalog.problems["b"]
        assert len(server.requests) == 1, "a list that came is kept"
        await catalog.models(refresh=True)
        assert len(server.requests) == 2
        await catalog.aclose()


def made(*endpoints: Endpoint, default: str | None = None) -> Catalog:
    return Catalog(endpoints, guide=built_in(), default=default)


async def test_a_provider_prepares_for_its_model_alone_and_an_unknown_one_is_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    open_client = endpoint_provider.open_client

    def opening(url: str, **options: Any) -> Any:
        opened.append(url)
        return open_client(url, **options)

    monkeypatch.setattr(endpoint_provider, "open_client", opening)
    async with serving(answer("200 OK", {"data": [{"id": "small"}]})) as server:
        catalog = Catalog([Endpoint("a", server.url), Endpoint("b", "http://127.0.0.1:9/v1")], guide=built_in())
        catalog.prepare("nobody/small")
        catalog.prepare("a/small")
        await catalog.fetch_context_length("a/small")
        await catalog.aclose()
    assert opened == [server.url]


def test_with_nothing_configured_the_guide_answers() -> None:
    catalog = made()
    provider, model = catalog.resolve(None)
    assert (provider.name, model, catalog.default_ref()) == ("guide", "guide", "guide/guide")


def test_the_first_endpoint_s_model_is_the_default_unless_one_is_set() -> None:
    a, b = Endpoint("a", "http://a", default_model="x/1"), Endpoint("b", "http://b", models=("y",))
    assert made(a, b).default_ref() == "a/x/1"
    assert made(b, a).default_ref() == "b/y"
    assert made(a, b, default="b/z").default_ref() == "b/z"
    assert made(Endpoint("c", "http://c")).default_ref() == "c/"


@pytest.mark.parametrize(
    ("ref", "name", "model"),
    [
        ("a/x/1", "a", "x/1"),
        ("a/other:tag", "a", "other:tag"),
        ("b", "b", "y"),
        ("y", "b", "y"),
        ("x/1", "a", "x/1"),
        ("guide", "guide", "guide"),
        ("", "a", "x/1"),
        (" b/y ", "b", "y"),
    ],
)
def test_a_model_is_found_by_what_a_person_calls_it(ref: str, name: str, model: str) -> None:
    catalog = made(Endpoint("a", "http://a", default_model="x/1"), Endpoint("b", "http://b", models=("y",)))
    provider, resolved = catalog.resolve(ref)
    assert (provider.name, resolved) == (name, model)


@pytest.mark.parametrize("ref", ["nowhere/m", "unknown-model"])
def test_an_unknown_model_names_the_endpoints_there_are(ref: str) -> None:
    with pytest.raises(ProviderError, match="a, guide") as error:
        made(Endpoint("a", "http://a")).resolve(ref)
    assert error.value.failure.kind is FailureKind.UNCONFIGURED
    assert "config.toml" in str(error.value)


async def test_the_context_length_is_the_settings_or_the_list_s() -> None:
    body = {"data": [{"id": "m", "context_length": 65536}]}
    async with serving(answer("200 OK", body)) as server:
        catalog = made(Endpoint("a", server.url), Endpoint("b", server.url, context_length=4096, models=("m",)))
        assert catalog.context_length("a/m") is None
        await catalog.models()
        assert catalog.context_length("a/m") == 65536
        assert catalog.context_length("b/m") == 4096
        assert catalog.context_length("nowhere/m") is None
        await catalog.aclose()


@pytest.mark.parametrize(
    ("row", "takes_images"),
    [
        ({"architecture": {"input_modalities": ["text", "image"]}}, True),
        ({"architecture": {"modality": "text->text"}}, False),
        ({"capabilities": {"vision": True}}, True),
        ({"capabilities": {"image_input": {"supported": False}}}, False),
        ({"type": "vlm"}, True),
        ({"type": "llm"}, False),
        ({"capabilities": ["completion"]}, None),
        ({}, None),
    ],
)
async def test_a_list_says_whether_a_model_takes_images(row: dict[str, Any], takes_images: bool | None) -> None:
    async with serving(answer("200 OK", {"data": [{"id": "m", **row}]})) as server:
        catalog = made(Endpoint("a", server.url))
        assert catalog.takes_images("a/m") is None
        await catalog.models()
        assert catalog.takes_images("a/m") is takes_images
        await catalog.aclose()


def test_settings_say_which_images_a_model_takes() -> None:
    seeing = Options(images=True, image_size=512)
    catalog = made(Endpoint("a", "http://a", options=Options(images=False), model_options={"claude-x": seeing}))
    assert (catalog.takes_images("a/m"), catalog.image_size("a/m")) == (False, 2048)
    assert (catalog.takes_images("a/claude-x"), catalog.image_size("a/claude-x")) == (True, 512)
    assert catalog.takes_images("guide/guide") is False


def test_a_configured_endpoint_comes_before_a_found_one_of_its_name() -> None:
    catalog = made(Endpoint("openai", "http://mine"))
    assert catalog.add([Endpoint("openai", "http://found"), Endpoint("ollama", "http://o")]) == ["ollama"]
    assert catalog.names() == ["openai", "ollama", "guide"]
    resolved = catalog.endpoint("openai")
    assert resolved is not None
    assert resolved.url == "http://mine"


async def test_an_endpoint_that_is_configured_anew_takes_its_place() -> None:
    async with serving(answer("200 OK", {"data": [{"id": "m"}]})) as old, serving(answer("200 OK", ["n"])) as new:
        catalog = made(Endpoint("a", old.url), Endpoint("b", old.url, models=("x",)))
        await catalog.models()
        assert catalog.add([Endpoint("a", new.url)], replace=True) == []
        assert [item.ref for item in await catalog.models()] == ["a/n", "b/x", "guide/guide"]
        await catalog.aclose()


def test_settings_become_endpoints_that_ask_for_their_key_each_time() -> None:
    class Setting:
        name, url, label, key_env = "acme", "http://a", "Acme", "ACME_KEY"
        models, context_length, headers = ("m",), 4096, {"X": "y"}

    keys = ["one"]
    endpoint = endpoints_from([Setting()], lambda item: f"{item.name}-{keys[0]}")[0]
    assert endpoint.key() == "acme-one"
    keys[0] = "two"
    assert endpoint.key() == "acme-two"
    assert (endpoint.title, endpoint.key_hint, endpoint.context_length) == ("Acme", "ACME_KEY", 4096)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://a.example/v1", "https://a.example/v1/models"),
        ("https://a.example/v1/", "https://a.example/v1/models"),
        ("https://a.example", "https://a.example/v1/models"),
        ("http://localhost:11434/", "http://localhost:11434/v1/models"),
        ("https://a.example/api/v1/chat/completions", "https://a.example/api/v1/models"),
        ("https://a.example/openai?api-version=1", "https://a.example/openai/models?api-version=1"),
        (" http://[::1]:8080/v1 ", "http://[::1]:8080/v1/models"),
    ],
)
def test_addresses_as_people_write_them_lead_to_the_api(url: str, address: str) -> None:
    assert Endpoint("a", url).address("/models") == address


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1/v1", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:1", True),
        ("http://192.168.0.2", False),
        ("https://a.example", False),
        ("nonsense", False),
    ],
)
def test_what_runs_on_this_machine_is_known(url: str, local: bool) -> None:
    assert Endpoint("a", url).local is local
