"""Tools that the person allowed always, on this computer: a file in the data folder.

Each is kept with a fingerprint of its definition: a server that changes what a tool is asks anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sterna.config.files import locked, write_private
from sterna.storage.clock import stamp, utc_now

from .definitions import fingerprint
from .errors import ToolError
from .states import OfferedTool

APPROVALS_FILE = "tool-approvals.json"


class Approved(NamedTuple):
    """Tool that is allowed."""

    name: str
    fingerprint: str
    at: str
    """Time, as the schema stores it."""


class Approvals:
    """Tools that are allowed always. The methods read and write a file: call them outside the event loop."""

    def __init__(self, file: Path, now: Callable[[], datetime] = utc_now) -> None:
        self._file = file
        self._now = now

    def allowed(self) -> dict[str, Approved]:
        """Return the tools by name. What cannot be read allows nothing."""
        try:
            rows: Any = json.loads(self._file.read_bytes())["allowed"]
            return {name: Approved(name, str(row["fingerprint"]), str(row["at"])) for name, row in rows.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}

    def is_allowed(self, tool: OfferedTool) -> bool:
        """Return whether a tool is allowed as it is defined now."""
        approved = self.allowed().get(tool.name)
        return approved is not None and approved.fingerprint == fingerprint(tool)

    def allow(self, tool: OfferedTool) -> None:
        """Allow a tool as it is defined now. Raises ToolError where that cannot be stored."""
        approved = Approved(tool.name, fingerprint(tool), stamp(self._now()))
        self._change(lambda allowed: {**allowed, tool.name: approved})

    def forget(self, name: str) -> list[str]:
        """Forget a tool, or all tools of a server; return their names. Raises ToolError."""
        forgotten = [each for each in self.allowed() if each == name or each.startswith(f"{name}__")]
        if forgotten:
            self._change(lambda allowed: {key: each for key, each in allowed.items() if key not in forgotten})
        return forgotten

    def _change(self, change: Callable[[dict[str, Approved]], Mapping[str, Approved]]) -> None:
        try:
            with locked(self._file.parent):
                rows = {
                    each.name: {"fingerprint": each.fingerprint, "at": each.at}
                    for each in change(self.allowed()).values()
                }
                write_private(self._file, json.dumps({"allowed": rows}, indent=1) + "\n")
        except OSError as error:
            raise ToolError(f"{self._file} cannot be written ({error.strerror or type(error).__name__}).") from error


def approvals_of(data_folder: Path) -> Approvals:
    """Return the approvals that are kept in a data folder."""
    return Approvals(data_folder / APPROVALS_FILE)
