"""The formats by name; each is loaded when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NamedTuple

from .format import Format


class Entry(NamedTuple):
    """What is known of a format before it is loaded."""

    place: str
    """Module in ``formats``, and class."""
    label: str
    suffix: str


FORMATS: Mapping[str, Entry] = MappingProxyType(
    {
        "json": Entry("json_lines:JsonLines", "JSON", ".json"),
        "markdown": Entry("markdown:Markdown", "Markdown", ".md"),
        "html": Entry("html:Html", "HTML page", ".html"),
        "jsonl": Entry("fine_tuning:FineTuning", "JSONL for fine-tuning", ".jsonl"),
        "chatgpt": Entry("chatgpt:ChatGpt", "ChatGPT's JSON", ".json"),
    }
)


def make(name: str) -> Format:
    """Return the format of that name. Raises KeyError."""
    module, _, kind = FORMATS[name].place.partition(":")
    made: Format = getattr(import_module(f".formats.{module}", __package__), kind)()
    return made
