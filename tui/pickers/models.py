"""Picker of models: known ones at once, the rest as providers answer, and any name typed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from sterna.storage.text import one_line

from ..counts import short_count
from .chooser import Chooser
from .fuzzy import match

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sterna.providers import Catalog, Model

POLL_SECONDS = 0.1
"""Time between two updates of the list while providers are asked."""
LONGEST_NAME = 120
KEYS = "enter choose   f5 refresh   esc cancel"
EXACT = float("inf")


@dataclass(frozen=True, slots=True)
class Line:
    """Line of the list: a heading, a problem, or a model."""

    content: Content
    ref: str | None = None
    """Model that choosing the line returns; None for a line that cannot be chosen."""


@dataclass(frozen=True, slots=True)
class ModelMatch:
    """Model that matches the text of the field."""

    score: float
    model: Model
    positions: tuple[int, ...] = ()
    """Indexes of the matching letters of its id."""


class ModelPicker(Chooser[str | None]):
    """Returns ``provider/model``, or None."""

    TITLE = "Model"
    PLACEHOLDER = "Filter models, or type a name"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,ctrl+r", "refresh", "Refresh", id="models.refresh"),
    ]

    def __init__(
        self,
        catalog: Catalog | None,
        *,
        current: str | None = None,
        find: Callable[[], Awaitable[tuple[Catalog, str | None]]] | None = None,
    ) -> None:
        """Take the chosen model and the catalog; where there is none yet, ``find`` waits for both."""
        super().__init__()
        self._catalog_or_none = catalog
        self._find = find
        self._chosen = current
        self._lines: list[Line] = []
        self._is_loading = False
        self._has_moved = False
        """True once the user has moved the highlight: then it stays on its model while the list fills."""
        self._seen: object = None
        self._timer: Timer | None = None

    @property
    def _catalog(self) -> Catalog:
        assert self._catalog_or_none is not None, "nothing is listed before the catalog is there"
        return self._catalog_or_none

    @property
    def _current(self) -> str:
        """Model in use: the chosen one, else the default, which changes as providers answer."""
        return (self._chosen or self._catalog.default_ref()).rstrip("/")

    def on_mount(self) -> None:
        """Show known models, then ask the providers."""
        super().on_mount()
        self._timer = self.set_interval(POLL_SECONDS, self._poll, pause=True)
        self._load(refresh=False)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._show)

    @work(group="models", exclusive=True)
    async def _load(self, *, refresh: bool) -> None:
        """Ask the providers; the list fills meanwhile."""
        self._is_loading = True
        assert self._timer is not None
        self._timer.resume()
        self._show()
        try:
            if self._catalog_or_none is None and self._find is not None:
                self._catalog_or_none, self._chosen = await self._find()
                self._show()
            await self._catalog.models(refresh=refresh)
        finally:
            self._is_loading = False
            self._timer.pause()
        self._show()

    def action_refresh(self) -> None:
        """Ask every provider again."""
        self._load(refresh=True)

    def _poll(self) -> None:
        """Show what has arrived since the last update."""
        catalog = self._catalog_or_none
        if catalog is not None and (len(catalog.known()), dict(catalog.problems)) != self._seen:
            self._show()

    # The list

    @on(Input.Changed)
    def _filter(self) -> None:
        """Show what matches; the highlight goes to the best match again."""
        self._has_moved = False
        self._show()

    def action_move(self, by: int) -> None:
        """Move in the list; the highlight stays where it is from then on."""
        self._has_moved = True
        super().action_move(by)

    def action_move_page(self, by: int) -> None:
        """Move a page in the list; the highlight stays where it is from then on."""
        self._has_moved = True
        super().action_move_page(by)

    def _show(self) -> None:
        """Fill the list; a highlight that was moved stays, else it goes to the best match or the current model."""
        if not self.is_there:
            return
        if self._catalog_or_none is None:
            self.say("Loading models…", KEYS)
            return
        before = self._ref_at(self.menu.highlighted) if self._has_moved or self.menu.has_focus else None
        known = self._catalog.known()
        self._seen = (len(known), dict(self._catalog.problems))
        query = self.field.value.strip()
        matches = self._matches(query, known)
        self._lines = [*self._grouped(matches), *self._as_typed(query, known)]
        best = max(matches, key=lambda each: each.score).model.ref if query and matches else self._current
        if self._is_full_name(query) and all(query != model.ref for model in known):
            best = query  # a name typed in full is meant literally, though others resemble it
        refs = [line.ref for line in self._lines]
        first = next((index for index, ref in enumerate(refs) if ref is not None), None)
        highlighted = next((refs.index(ref) for ref in (before, best) if ref is not None and ref in refs), first)
        self.fill([Option(line.content, disabled=line.ref is None) for line in self._lines], highlighted)
        self.say(self._status(query, len(matches)), KEYS)

    def _matches(self, query: str, known: list[Model]) -> list[ModelMatch]:
        matches: list[ModelMatch] = []
        for model in known:
            by_id = match(query, model.id)
            if query == model.ref:  # typed in full
                matches.append(ModelMatch(EXACT, model))
            elif by_id is not None:
                matches.append(ModelMatch(by_id.score, model, by_id.positions))
            else:
                by_name = (match(query, model.ref), match(query, f"{model.endpoint} {model.id} {model.name}"))
                scores = [each.score for each in by_name if each is not None]
                if scores:
                    matches.append(ModelMatch(max(scores) / 2, model))
        return matches

    def _is_full_name(self, query: str) -> bool:
        """Return whether ``query`` names a provider and a model."""
        name, _, model = query.partition("/")
        return bool(model) and " " not in query and name in self._catalog.names()

    def _grouped(self, matches: list[ModelMatch]) -> list[Line]:
        """Return lines under the headings of their providers, the best matches of each first."""
        lines: list[Line] = []
        for name in self._catalog.names():
            group = sorted((each for each in matches if each.model.endpoint == name), key=lambda each: -each.score)
            problem = self._catalog.problems.get(name)
            if not group and not (problem and not self.field.value.strip()):
                continue
            if lines:
                lines.append(Line(Content("")))
            lines.append(Line(self._heading(name)))
            if problem:
                lines.append(Line(Content.assemble(("! ", "bold $warning"), (one_line(problem, 400), "$warning"))))
            lines += [Line(self._model_line(each), each.model.ref) for each in group]
        return lines

    def _as_typed(self, query: str, known: list[Model]) -> list[Line]:
        """Return lines for a name that is in no list, one for each provider that may have it all the same."""
        if not query or " " in query or any(query in (model.ref, model.id) for model in known):
            return []
        name, _, model = query.partition("/")
        names = self._catalog.names()
        if name in names:
            refs = [query] if model else []
        else:
            refs = [f"{each}/{query}" for each in names if self._catalog.endpoint(each) is not None]
        lines = [Line(Content.assemble("Use ", (one_line(ref, LONGEST_NAME), "bold")), ref) for ref in refs]
        return [Line(Content("")), Line(Content.styled("As typed", "bold $secondary")), *lines] if lines else []

    def _heading(self, name: str) -> Content:
        built_in = "built in, offline" if name == self._catalog.names()[-1] else ""
        title = one_line(self._catalog.title(name), 60) or built_in
        if title.casefold() in ("", name.casefold()):
            return Content.styled(name, "bold $secondary")
        return Content.assemble((name, "bold $secondary"), (f"  {title}", "$foreground 75%"))

    def _model_line(self, matched: ModelMatch) -> Content:
        """Return a model's id, its name if that says more, and the length of its context at the right."""
        model = matched.model
        model_id = one_line(model.id, LONGEST_NAME)
        content = Content(model_id)
        if model_id == model.id:
            for index in matched.positions:
                content = content.stylize("bold underline", index, index + 1)
        if model.ref == self._current:
            content = Content.assemble(content, ("  current", "bold $primary"))
        name = one_line(model.name, 60)
        if name and name.casefold() not in model_id.casefold():
            content = Content.assemble(content, (f"  {name}", "$foreground 75%"))
        if not model.allowed:
            content = Content.assemble(content.stylize("$foreground 50%"), (f"  {model.tier} only", "$warning"))
        elif model.limits:
            content = Content.assemble(content, (f"  {model.limits}", "$foreground 75%"))
        length = short_count(model.context_length) if model.context_length else ""
        line = content.truncate(self.room - 7, ellipsis=True, pad=True)
        return Content.assemble(line, (length.rjust(7), "$foreground 75%"))

    def _status(self, query: str, matching: int) -> str:
        if self._is_loading:
            answered = {model.endpoint for model in self._catalog.known()} | self._catalog.problems.keys()
            waiting = [name for name in self._catalog.names() if name not in answered]
            return f"Loading models from {', '.join(waiting)}…" if waiting else "Loading models…"
        if query and not matching:
            return "No model in the list has this name. Press enter to use it as typed."
        return ""

    # Choosing

    def _ref_at(self, index: int | None) -> str | None:
        return self._lines[index].ref if index is not None and index < len(self._lines) else None

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Return the highlighted model."""
        self._choose(self._ref_at(self.menu.highlighted))

    @on(OptionList.OptionSelected)
    def choose_option(self, event: OptionList.OptionSelected) -> None:
        """Return the model that was clicked."""
        self._choose(self._ref_at(event.option_index))

    def _choose(self, ref: str | None) -> None:
        if self._catalog_or_none is None:
            return
        locked = next((each for each in self._catalog.known() if each.ref == ref and not each.allowed), None)
        if locked is not None:
            self.say(f"{one_line(locked.id, 40)} needs the {locked.tier} tier. Ask the server administrator.", KEYS)
        elif ref is not None:
            self.dismiss(ref)
