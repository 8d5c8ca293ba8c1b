"""Findings of ``sterna doctor`` about tools. No server is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from sterna.config import McpServerSettings, Settings

from ..context import CommandContext
from ..output import counted
from .finding import Finding


def tool_findings(context: CommandContext, settings: Settings) -> Iterator[Finding]:
    """Yield what is known of each server, of the files that ``read`` may read, and what is always allowed."""
    servers = [server for server in settings.mcp if server.enabled]
    if servers and find_spec("mcp") is None:
        yield Finding("tools", "MCP servers need a package that is not installed. Install sterna[mcp].", ok=False)
    for server in servers:
        problem = _problem(server)
        yield Finding(f"tools of {server.name}", problem or server.shown, ok=not problem)
    for named in settings.tools.read:
        if not Path(named).expanduser().exists():
            yield Finding(
                "tool read", f"There is no file or folder {named}. Correct tools.read in config.toml.", ok=False
            )
    if servers or settings.tools.read or settings.tools.fetch:
        from sterna.tools import approvals_of

        allowed = approvals_of(context.folder()).allowed()
        if allowed:
            yield Finding("tools", f"{counted(len(allowed), 'tool')} always allowed: {', '.join(sorted(allowed))}")


def _problem(server: McpServerSettings) -> str:
    advice = f"Correct [mcp.{server.name}] in config.toml."
    if server.cwd and not Path(server.cwd).expanduser().is_dir():
        return f"There is no folder {server.cwd}. {advice}"
    if server.command and shutil.which(os.path.expanduser(server.command)) is None:
        return f"There is no program {server.command}. {advice}"
    if server.key_env and not server.key_command and not os.environ.get(server.key_env, "").strip():
        return f"Its key is missing: ${server.key_env} is not set."
    if absent := [name for name in server.pass_env if name not in os.environ]:
        return f"${', $'.join(absent)} not set in your environment. {advice}"
    return ""
