"""Parameters of the next request, each with the place that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sterna.config import REQUEST_PARAMETERS, ConfigError, Settings, load_personas
from sterna.providers import ProviderError
from sterna.providers.protocols import protocol_named

from .requests import RequestOptions

if TYPE_CHECKING:
    from pathlib import Path

    from sterna.providers import Catalog

WEB_SEARCH = "web_search"
"""Parameter that lets a provider search the web."""


class Parameter(NamedTuple):
    """Parameter of a request, or an option of how it is sent."""

    name: str
    value: Any
    """None: it is not sent."""
    origin: str
    """In words: ``provider work``, ``model work/large``, ``settings``, ``persona editor`` or ``conversation``."""


def parameters_of(
    own: Mapping[str, Any], settings: Settings, ref: str, config_folder: Path | None = None
) -> list[Parameter]:
    """Return the parameters of a request to the model ``ref`` in a conversation with ``own`` settings, by name."""
    name, _, model = ref.partition("/")
    endpoint = next((each for each in settings.endpoints if each.name == name), None)
    of_model = endpoint.model_options.get(model) if endpoint is not None else None
    levels = [(f"provider {name}", endpoint), (f"model {ref}", of_model)]
    found: dict[str, Parameter] = {}
    for origin, options in levels:
        if options is not None:
            found |= {key: Parameter(key, value, origin) for key, value in options.parameters.items()}
            single = {key: getattr(options, key) for key in ("stream", "context_length", "image_size")}
            found |= {key: Parameter(key, value, origin) for key, value in single.items() if value is not None}
    chosen = RequestOptions.choose(own, settings, ref)
    persona = _persona_values(own, config_folder)
    for key in REQUEST_PARAMETERS:
        if (value := getattr(chosen, key)) is not None:
            origin = _own_origin(own, persona, key) if own.get(key) not in (None, "") else "settings"
            found[key] = Parameter(key, value, origin)
    in_persona = persona.get("parameters")
    for key, value in chosen.parameters.items():
        is_persona = isinstance(in_persona, Mapping) and in_persona.get(key) == value
        found[key] = Parameter(key, value, f"persona {own.get('persona')}" if is_persona else "conversation")
    for origin, options in levels:
        if options is not None:
            found |= {key: Parameter(key, None, origin) for key in options.omit}
            found |= {key: Parameter(key, value, f"{origin}, extra_body") for key, value in options.extra_body.items()}
    return [found[key] for key in sorted(found)]


def web_search(own: Mapping[str, Any], catalog: Catalog, ref: str) -> bool | None:
    """Return whether the next request lets the provider search the web; None where the provider does not."""
    try:
        provider, model = catalog.resolve(ref)
    except ProviderError:
        return None
    endpoint = catalog.endpoint(provider.name)
    if endpoint is None or not protocol_named(endpoint.protocol, endpoint.host).searches_web:
        return None
    chosen = own.get("parameters")
    parameters = {**endpoint.options_for(model).parameters, **(chosen if isinstance(chosen, Mapping) else {})}
    return bool(parameters.get(WEB_SEARCH))


def _own_origin(own: Mapping[str, Any], persona: Mapping[str, Any], key: str) -> str:
    return f"persona {own.get('persona')}" if persona.get(key) == own.get(key) else "conversation"


def _persona_values(own: Mapping[str, Any], config_folder: Path | None) -> Mapping[str, Any]:
    """Return the parameters of the conversation's persona; none where it has none, or the file is gone."""
    name = own.get("persona")
    if not isinstance(name, str) or not name:
        return {}
    try:
        return load_personas(config_folder).get(name).parameters
    except (ConfigError, OSError):
        return {}
