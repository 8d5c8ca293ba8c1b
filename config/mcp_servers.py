"""Tables ``[mcp.NAME]`` of config.toml: which servers of tools can be used, and why others cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .problems import Problems

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|_(?!_)){0,29}(?<!_)")
"""Names of tools begin with the server's and two underscores."""
TAKEN = ("read", "fetch", "built-in")
"""Names of built-in tools, and of all of them."""
_OF_PROGRAMS = ("args", "env", "pass_env", "cwd")
_OF_ADDRESSES = ("headers", "key_env", "key_command")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class McpServerSettings:
    """Table ``[mcp.NAME]``: a server of tools, which is a program or has an address."""

    name: str
    command: str = ""
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    pass_env: tuple[str, ...] = ()
    cwd: str = ""
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key_env: str = ""
    key_command: str = field(default="", repr=False)
    enabled: bool = True
    tools: tuple[str, ...] = ()
    start_timeout: float = 30.0
    timeout: float = 120.0

    @property
    def shown(self) -> str:
        """Return the program, or the address without what may be a secret in it."""
        if not self.url:
            return self.command
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('?')[0].partition('#')[0].rpartition('@')[2]}"


def usable(tables: Mapping[str, Mapping[str, Any]], problems: Problems) -> tuple[McpServerSettings, ...]:
    """Return the servers that can be used; each other one becomes a sentence, and the rest applies."""
    servers = []
    for name, values in tables.items():
        sentence = next(_faults(name, values), None)
        if sentence is not None:
            problems.add_mcp_server(name, sentence)
        else:
            servers.append(McpServerSettings(name=name, **values))
    return tuple(servers)


def _faults(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    if not NAME.fullmatch(name) or name in TAKEN:
        yield "needs another name: up to 30 lower-case letters, digits, - and single _; not read, fetch or built-in."
    command, url = values.get("command", ""), values.get("url", "")
    if not command.strip() and not url:
        yield 'needs a command, as in command = "uvx", or a url.'
    if command and url:
        yield "has a command and a url. Keep one of them: a server is a program or has an address."
    for key in _OF_PROGRAMS if url else _OF_ADDRESSES:
        if values.get(key):
            yield f"has {key}, which {'a server with a url' if url else 'a program'} does not use. Remove it."
    texts = (command, *values.get("args", ()), values.get("cwd", ""), *values.get("env", {}).values())
    if any("\0" in text for text in texts):
        yield "has a NUL character, which no program can be given."
    for variable in (*values.get("env", {}), *values.get("pass_env", ()), *filter(None, (values.get("key_env"),))):
        if not _VARIABLE.fullmatch(variable):
            yield f"names {variable!r}, which is no environment variable: letters, digits and _."
    for header, text in values.get("headers", {}).items():
        if not _HEADER.fullmatch(header) or not (text.isascii() and text.isprintable()):
            yield f"has the header {header!r}, which cannot be sent: ASCII on one line."
