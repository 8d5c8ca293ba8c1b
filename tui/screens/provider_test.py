"""Test of a provider: a real request for its list of models, with the result as a sentence."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from sterna.storage.text import one_line

from ..counts import counted
from .provider_list import table_name
from .provider_result import Result

if TYPE_CHECKING:
    from sterna.config import EndpointSettings
    from sterna.providers import Catalog, Endpoint

    from ..context import AppContext

STARTING = Result("Sterna is still starting. Try again in a moment.", False)


def edited(context: AppContext, table: EndpointSettings | None, name: str, url: str, key: str) -> Endpoint:
    """Return the endpoint of a form: with the key that was typed there, else with the saved one."""
    from dataclasses import replace

    from sterna.chat import configured_endpoints
    from sterna.providers import Endpoint

    file = context.settings_file
    saved = configured_endpoints(context.settings, environ=file.environ, config_dir=file.folder)
    old = next((endpoint for endpoint in saved if table is not None and endpoint.name == table.name), None)
    endpoint = (
        replace(old, url=url, label=name) if old is not None else Endpoint(table_name(name, set()), url, label=name)
    )
    return replace(endpoint, key=lambda: key) if key else endpoint


async def test_provider(catalog: Catalog | None, endpoint: Endpoint) -> Result:
    """Ask for the models, and say how that went."""
    from sterna.providers import ProviderError

    if catalog is None:
        return STARTING
    begun = monotonic()
    try:
        models = await catalog.test(endpoint)
    except ProviderError as error:
        return Result(str(error), False)
    title = one_line(endpoint.label or endpoint.name, 40)
    seconds = f"{title} answered in {monotonic() - begun:.1f} s"
    if not models:
        return Result(f"{seconds}, but lists no models. Type a model's name in the model picker.", True)
    return Result(f"{seconds}: {counted(len(models), 'model')}, such as {one_line(models[0].id, 60)}.", True)
