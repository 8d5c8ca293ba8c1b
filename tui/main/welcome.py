"""Text in place of messages: the model, on a first start how to connect one, or why the history cannot be opened.

There is one next step at a time, as a line that can be clicked too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from sterna.storage.text import clean, one_line

from ..messages import ActionRequested


@dataclass(frozen=True, slots=True)
class Providers:
    """Model and providers that there are."""

    model: str
    """Model that replies when none is chosen."""
    names: tuple[str, ...] = ()
    """Providers that were configured or detected, by the names that users know."""
    problems: tuple[str, ...] = ()


Keys = Mapping[str, str]
"""Keys of actions as users write them, as remapped, by the actions' ids."""

STEPS = (
    "model.choose", "app.provider", "app.settings", "app.import", "conversation.search", "app.help", "reply.retry",
    "app.quit",
)  # fmt: skip
"""Actions that the text names."""
STARTING: Keys = dict.fromkeys(STEPS, "")


class Welcome(Widget):
    """Names the model; with an empty history it also says how to begin."""

    providers: reactive[Providers | None] = reactive(None, layout=True)
    """None until the catalog is there."""
    first: reactive[bool] = reactive(False, layout=True)
    """True while there is no conversation at all."""
    keys: reactive[Keys] = reactive(STARTING)

    trouble: reactive[str | None] = reactive(None, layout=True)
    """Reason why the conversations cannot be opened, and what to do; nothing else is shown then."""

    def render(self) -> Content:
        """Return the lines."""
        if self.trouble is not None:
            return Content("\n").join(self._trouble(self.trouble))
        providers = self.providers
        if providers is None:
            return Content("")
        lines = self._first(providers) if self.first else self._new(providers)
        return Content("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        """Do the step that was clicked."""
        if action_id := event.style.meta.get("action_id"):
            event.stop()
            self.post_message(ActionRequested(action_id))

    def _trouble(self, sentence: str) -> list[Content]:
        return [
            _line(("Your conversations cannot be opened.", "bold $warning")),
            _line(),
            _line(clean(sentence)),
            _line(),
            self._step("reply.retry", "try again"),
            self._step("app.quit", "quit"),
            _line(),
            _line(("Your text stays in the prompt until they are open.", "$foreground 75%")),
        ]

    def _new(self, providers: Providers) -> list[Content]:
        if not providers.names:
            return [
                _line("A new conversation with the built-in guide. No model is connected yet."),
                _line(),
                self._step("app.provider", "add a provider"),
                self._step("conversation.search", "find an old conversation"),
            ]
        return [
            _line("A new conversation with ", (one_line(providers.model), "$primary"), "."),
            *self._problems(providers),
            _line(),
            self._step("model.choose", "choose another model"),
            self._step("conversation.search", "find an old conversation"),
        ]

    def _first(self, providers: Providers) -> list[Content]:
        lines = [
            _line(("Welcome to Sterna.", "bold")),
            _line("Your conversations stay on this computer, in one file."),
            _line(),
        ]
        if providers.names:
            names = ", ".join(one_line(name) for name in providers.names)
            lines += [
                _line("Connected to ", (names, "$primary"), "."),
                _line("Using ", (one_line(providers.model), "$primary"), "."),
                *self._problems(providers),
                _line(),
                _line("Type a question and press ", ("enter", "$primary"), "."),
                _line(),
                self._step("model.choose", "choose another model"),
            ]
        else:
            lines += [
                _line(("No model is connected yet.", "bold")),
                self._step("app.provider", "add a provider"),
                _line(("or start Ollama, LM Studio or llama.cpp, and then Sterna again", "$foreground 75%")),
                _line(),
                _line("Until then the built-in guide replies: ask it how Sterna works."),
                _line(),
            ]
        return [
            *lines,
            self._step("app.import", "import from other programs"),
            self._step("app.help", "all keys, commands and topics"),
        ]

    def _problems(self, providers: Providers) -> list[Content]:
        return [_line((one_line(problem), "$warning")) for problem in providers.problems]

    def _step(self, action_id: str, what: str) -> Content:
        """Return a line with a key and what it does; a click does it too."""
        width = max(map(len, self.keys.values()), default=0) + 2
        line = _line((self.keys.get(action_id, "").ljust(width), "$primary"), what)
        return line.stylize(Style.from_meta({"action_id": action_id}))


def _line(*parts: str | tuple[str, str]) -> Content:
    return Content.assemble(*parts)
