"""Text in place of messages: the model, on a first start how to connect one, or why the history cannot be opened."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sterna.storage.text import clean, one_line


@dataclass(frozen=True, slots=True)
class Providers:
    """Model and providers that there are."""

    model: str
    """Model that replies when none is chosen."""
    names: tuple[str, ...] = ()
    """Providers that were configured or detected, by the names that users know."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """First keys to know, as remapped."""

    model: str
    settings: str
    search: str
    help: str
    retry: str
    quit: str


class Welcome(Widget):
    """Names the model; with an empty history it also says how to begin."""

    providers: reactive[Providers | None] = reactive(None, layout=True)
    """None until the catalog is there."""
    first: reactive[bool] = reactive(False, layout=True)
    """True while there is no conversation at all."""
    keys: reactive[Keys] = reactive(Keys("ctrl+l", "f9", "ctrl+r", "f1", "f5", "f10"))

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

    def _trouble(self, sentence: str) -> list[Content]:
        return [
            _line(("Your conversations cannot be opened.", "bold $warning")),
            _line(),
            _line(clean(sentence)),
            _line(),
            _line((self.keys.retry, "$primary"), " try again    ", (self.keys.quit, "$primary"), " quit"),
            _line(),
            _line(("Your text stays in the prompt until they are open.", "$foreground 75%")),
        ]

    def _new(self, providers: Providers) -> list[Content]:
        return [_line("A new conversation with ", (one_line(providers.model), "$primary"), "."), self._model_line()]

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
            ]
        else:
            lines += [
                _line("No providers yet. The built-in guide replies for now. It knows Sterna and your history."),
                _line(),
                _line("To connect one:"),
                _line("• start Ollama, LM Studio or llama.cpp"),
                _line("• or set OPENAI_API_KEY and restart"),
                _line("• or press ", (self.keys.settings, "$primary"), " and add a provider"),
            ]
        lines += [_line((one_line(problem), "$warning")) for problem in providers.problems]
        lines += [_line()]
        lines += [
            _line((key.ljust(10), "$primary"), what)
            for key, what in (
                ("enter", "send"),
                (self.keys.search, "search everything"),
                (self.keys.help, "show all keys and commands"),
            )
        ]
        return lines

    def _model_line(self) -> Content:
        return _line(
            (self.keys.model, "$primary"),
            (" to choose another model, ", "$foreground 75%"),
            (self.keys.search, "$primary"),
            (" to find an old conversation.", "$foreground 75%"),
        )


def _line(*parts: str | tuple[str, str]) -> Content:
    return Content.assemble(*parts)
