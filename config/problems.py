"""What is wrong in config.toml, in sentences that name the line, and whether a model may be asked all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .line_numbers import line_of
from .schema import KNOWN, OMITTED, VALUES, Known, nearest, unomittable, unsendable

DECIDING = frozenset(
    {"model", "system_prompt", "temperature", "max_tokens", "reasoning_effort", "discover", "endpoints"}
)
"""Settings of what is sent to whom."""


OTHERS = frozenset(one.path.partition(".")[0] for one in KNOWN) - DECIDING


class Problems:
    """The problems of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sentences: list[str] = []
        self.blocking: list[str] = []
        """Those with which no model may be asked."""

    def unread(self, sentence: str) -> None:
        """Note that the file cannot be read."""
        self.sentences.append(f"{sentence} The defaults apply until you correct it and start again.")
        self.blocking.append(sentence)

    def wrong(self, where: tuple[str, ...], known: Known, value: object) -> None:
        """Note a value that is not what its setting takes."""
        inner = unsendable(value) if known.kind is VALUES and isinstance(value, Mapping) else None
        if inner is not None:
            path = (*where, *inner[0])
            self._add(path, f"{'.'.join(path)} {inner[1]}", blocks=True)
            return
        names = value if known.kind is OMITTED and isinstance(value, list) else []
        reason = unomittable(names) if all(isinstance(name, str) for name in names) else None
        self._add(where, f"{'.'.join(where)} {reason or f'has to be {known.expected}.'}", where[0] in DECIDING)

    def unknown(self, where: tuple[str, ...]) -> None:
        """Note a setting that there is not."""
        shown = ".".join(where)
        names = [one.path for one in KNOWN]
        if where[0] == "endpoints" and len(where) > 1:
            names = [one.path.replace("NAME", where[1]) for one in KNOWN if one.path.startswith("endpoints.")]
        near = nearest(shown, names) or _by_last(where[-1])
        meant = f" Did you mean {near}?" if near else ""
        misspelt = where[0] not in DECIDING and where[0] not in OTHERS and nearest(where[0], DECIDING) is not None
        of_models = where[0] in DECIDING and (where[0] != "endpoints" or len(where) < 3)
        self._add(where, f"there is no setting {shown}.{meant}", misspelt or of_models)

    def endpoint(self, name: str, sentence: str) -> None:
        """Note a table of an endpoint that cannot be used."""
        self._add(("endpoints", name), f"[endpoints.{name}] {sentence}", blocks=True)

    def _add(self, where: tuple[str, ...], sentence: str, blocks: bool) -> None:
        line = self._line(where)
        sentence = f"{self.path}{f', line {line}' if line else ''}: {sentence}"
        self.sentences.append(f"{sentence} It is left out.")
        if blocks:
            self.blocking.append(sentence)

    def _line(self, where: tuple[str, ...]) -> int | None:
        try:
            return line_of(self.path.read_bytes().decode("utf-8-sig"), where)
        except (OSError, ValueError):
            return None


def _by_last(name: str) -> str | None:
    """A setting of that last name in another table."""
    plain = {one.path.rpartition(".")[2]: one.path for one in KNOWN if one.path.partition(".")[0] != "endpoints"}
    near = nearest(name, plain)
    return plain[near] if near else None
