"""History of prompts, walked through with up and down as in a shell; text that was being written is set aside."""

from __future__ import annotations

from collections.abc import Sequence


class History:
    """Earlier prompts, newest first, a position among them, and unsent texts that made room for one of them."""

    def __init__(self) -> None:
        self._prompts: list[str] = []
        self._at = -1
        self._has_set_aside = False
        """True while the newest text set aside is the one that this walk began with."""
        self.aside: list[str] = []
        """Unsent texts, the one set aside last at the end. Each comes back, unless it is sent itself."""

    @property
    def is_walking(self) -> bool:
        """True while an earlier prompt is shown as it was."""
        return self._at >= 0

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
            self._has_set_aside = bool(current)
            self.aside += [current] if current else []
        self._at += 1
        return self._prompts[self._at]

    def newer(self) -> str | None:
        """Return the prompt after the shown one, or None when no earlier prompt is shown."""
        if self._at < 0:
            return None
        self._at -= 1
        return self._prompts[self._at] if self._at >= 0 else self.take_back() if self._has_set_aside else ""

    def leave(self) -> None:
        """Leave the history: the text was edited and is a new prompt."""
        self._at, self._has_set_aside = -1, False

    def take_back(self) -> str:
        """Return the text that was set aside last, which the prompt shows again; empty if there is none."""
        self.leave()
        return self.aside.pop() if self.aside else ""
