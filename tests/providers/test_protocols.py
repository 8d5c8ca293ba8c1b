"""The protocols that the settings and the documentation name are those that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.protocols import ABILITIES, protocols_table
from sterna.config.schema import SETTINGS
from sterna.providers.protocols import HOSTS, PROTOCOLS, protocol_named

DOCS = Path(__file__).parents[2] / "docs" / "providers.md"


def test_settings_and_documentation_name_every_protocol() -> None:
    setting = next(setting for setting in SETTINGS if setting.path == "endpoints.NAME.protocol")
    assert setting.choices == ("", *PROTOCOLS)
    assert re.findall(r"^\| `([a-z-]+)` \|", DOCS.read_text("utf-8"), re.MULTILINE) == list(PROTOCOLS)
    assert all(f"`{host}`" in DOCS.read_text("utf-8") for host in HOSTS)


def rows(table: str) -> list[list[str]]:
    """Cells of each row of a Markdown table, the heading first."""
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_documentation_denies_nothing_that_is_sent() -> None:
    """The table of the README is made from the requests themselves; the longer one says the same in words."""
    head, *written = rows(re.sub(r"\[(\w+)\]\(\S+\)", r"\1", DOCS.read_text("utf-8")))
    columns, *sent = rows(protocols_table())
    for words, made in zip(written[: len(PROTOCOLS)], sent, strict=True):
        assert words[0] in made[1]
        for ability in ABILITIES:
            assert (words[head.index(ability)] == "no") <= (made[columns.index(ability)] == "–"), (words[0], ability)
            assert (words[head.index(ability)] == "yes") <= (made[columns.index(ability)] == "yes"), (words[0], ability)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_each_can_be_loaded(name: str) -> None:
    protocol = protocol_named(name)
    assert protocol.reply_path("m", stream=True).startswith("/")


def test_a_known_host_has_its_own_and_an_unknown_one_the_usual() -> None:
    assert type(protocol_named("", "api.anthropic.com")) is type(protocol_named("anthropic"))
    assert type(protocol_named("", "llm.example.org")) is type(protocol_named("openai"))
    with pytest.raises(ValueError, match="There is no protocol “soap”"):
        protocol_named("soap")
