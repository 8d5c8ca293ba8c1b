"""The least a chat client could be: a Textual app with a sidebar and an input. The baseline of ``first_paint``."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, OptionList, Static


class Bare(App[None]):
    """Draws ``bare-ready`` in its first frame."""

    CSS = "OptionList { width: 32; } Static { height: 1fr; }"

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield OptionList("bare-ready")
            with Vertical():
                yield Static()
                yield Input()


if __name__ == "__main__":
    Bare().run()
