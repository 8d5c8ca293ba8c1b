"""Problems in config.toml as sentences that name the line, and whether they block requests to models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .kinds import OMITTED, VALUES, nearest, unomittable, unsendable
from .line_numbers import line_of
from .schema import SETTINGS
from .setting import Setting

MODEL_SETTINGS = frozenset(
    {"model", "system_prompt", "temperature", "max_tokens", "reasoning_effort", "discover", "endpoints"}
)
"""Settings and tables that decide what is sent to which model."""


OTHER_SETTINGS = frozenset(setting.path.partition(".")[0] for setting in SETTINGS) - MODEL_SETTINGS


class Problems:
    """Problems of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sentences: list[str] = []
        self.blocking: list[str] = []
        """Those with which no request may be sent to a model."""

    def add_unreadable(self, sentence: str) -> None:
        """Add that the file cannot be read."""
        self.sentences.append(f"{sentence} The defaults apply until you correct it and start again.")
        self.blocking.append(sentence)

    def add_invalid(self, path: tuple[str, ...], setting: Setting, value: object) -> None:
        """Add a value that its setting does not accept."""
        inner = unsendable(value) if setting.kind is VALUES and isinstance(value, Mapping) else None
        if inner is not None:
            path = (*path, *inner[0])
            self._add(path, f"{'.'.join(path)} {inner[1]}", blocks=True)
            return
        names = value if setting.kind is OMITTED and isinstance(value, list) else []
        reason = unomittable(names) if all(isinstance(name, str) for name in names) else None
        sentence = f"{'.'.join(path)} {reason or f'has to be {setting.expected}.'}"
        self._add(path, sentence, path[0] in MODEL_SETTINGS)

    def add_unknown(self, path: tuple[str, ...]) -> None:
        """Add a setting that does not exist."""
        shown = ".".join(path)
        names = [setting.path for setting in SETTINGS]
        if path[0] == "endpoints" and len(path) > 1:
            names = [name.replace("NAME", path[1]) for name in names if name.startswith("endpoints.")]
        if path[0] == "mcp" and len(path) > 1:
            names = [name.replace("NAME", path[1]) for name in names if name.startswith("mcp.")]
        near = nearest(shown, names) or _by_last_part(path[-1])
        suggestion = f" Did you mean {near}?" if near else ""
        misspelt = (
            path[0] not in MODEL_SETTINGS
            and path[0] not in OTHER_SETTINGS
            and nearest(path[0], MODEL_SETTINGS) is not None
        )
        of_models = path[0] in MODEL_SETTINGS and (path[0] != "endpoints" or len(path) < 3)
        self._add(path, f"there is no setting {shown}.{suggestion}", misspelt or of_models)

    def add_endpoint(self, name: str, sentence: str) -> None:
        """Add a table of an endpoint that cannot be used."""
        self._add(("endpoints", name), f"[endpoints.{name}] {sentence}", blocks=True)

    def add_mcp_server(self, name: str, sentence: str) -> None:
        """Add a table of an MCP server that cannot be used."""
        self._add(("mcp", name), f"[mcp.{name}] {sentence}", blocks=False)

    def _add(self, path: tuple[str, ...], sentence: str, blocks: bool) -> None:
        line = self._line(path)
        sentence = f"{self.path}{f', line {line}' if line else ''}: {sentence}"
        of_server = path[0] == "mcp" and len(path) > 1
        self.sentences.append(f"{sentence} {'The server is not used.' if of_server else 'It is ignored.'}")
        if blocks:
            self.blocking.append(sentence)

    def _line(self, path: tuple[str, ...]) -> int | None:
        try:
            return line_of(self.path.read_bytes().decode("utf-8-sig"), path)
        except (OSError, ValueError):
            return None


def _by_last_part(name: str) -> str | None:
    """Return a setting of another table whose last part is like ``name``."""
    paths = [setting.path for setting in SETTINGS if "NAME" not in setting.path]
    by_last_part = {path.rpartition(".")[2]: path for path in paths}
    near = nearest(name, by_last_part)
    return by_last_part[near] if near else None
