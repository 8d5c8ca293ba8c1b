"""History of prompts, walked through with up and down as in a shell."""

from __future__ import annotations

from collections.abc import Sequence


class History:
    """Earlier prompts, newest first, and a position among them."""

    def __init__(self) -> None:
        self._prompts: list[str] = []
        self._at = -1
        self._unsent = ""

    def fill(self, prompts: Sequence[str]) -> None:
        """Append prompts, newest first, behind those of this process."""
        self._prompts += [prompt for prompt in prompts if prompt not in self._prompts]

    def add(self, prompt: str) -> None:
        """Add a prompt that was sent."""
        self._prompts = [prompt, *(other for other in self._prompts if other != prompt)]
        self._at = -1

    def older(self, current: str) -> str | None:
        """Return the prompt before the shown one, or None at the end. ``current`` comes back after the newest."""
        if self._at + 1 >= len(self._prompts):
            return None
        if self._at < 0:
            self._unsent = current
        self._at += 1
        return self._prompts[self._at]

    def newer(self) -> str | None:
        """Return the prompt after the shown one, or None when no earlier prompt is shown."""
        if self._at < 0:
            return None
        self._at -= 1
        return self._unsent if self._at < 0 else self._prompts[self._at]

    def leave(self) -> None:
        """Leave the history: the text was edited and is a new prompt."""
        self._at = -1
