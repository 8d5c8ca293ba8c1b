"""The picker of models: what is known at once, the rest as endpoints answer, and any name typed by hand."""

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

LOOK_SECONDS = 0.1
"""How often the list is filled while endpoints are asked."""
LONGEST_NAME = 120
KEYS = "enter choose   f5 refresh   esc cancel"
EXACT = float("inf")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list: a heading, a problem, or a model to choose."""

    content: Content
    ref: str | None = None
    """What choosing it returns; None for a line that cannot be chosen."""


class ModelPicker(Chooser[str | None]):
    """Returns ``endpoint/model``, or None."""

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
        """``current`` is the model somebody chose; ``find`` gives what is missing while there is no catalog yet."""
        super().__init__()
        self._found = catalog
        self._find = find
        self._chosen = current
        self._lines: list[Line] = []
        self._asking = False
        self._moved = False
        """True once the person has moved the highlight: then it stays on its model while the list fills."""
        self._seen: object = None
        self._timer: Timer | None = None

    @property
    def _catalog(self) -> Catalog:
        assert self._found is not None, "nothing is listed before the catalog is there"
        return self._found

    @property
    def _current(self) -> str:
        """The model that answers now: the chosen one, else the default, which changes as endpoints answer."""
        return (self._chosen or self._catalog.default_ref()).rstrip("/")

    def on_mount(self) -> None:
        """Show what is known, then ask."""
        super().on_mount()
        self._timer = self.set_interval(LOOK_SECONDS, self._look, pause=True)
        self._ask(refresh=False)

    def on_resize(self) -> None:
        """Fit the lines."""
        self.call_after_refresh(self._show)

    @work(group="models", exclusive=True)
    async def _ask(self, *, refresh: bool) -> None:
        """Ask the endpoints; the list fills meanwhile."""
        self._asking = True
        assert self._timer is not None
        self._timer.resume()
        self._show()
        try:
            if self._found is None and self._find is not None:
                self._found, self._chosen = await self._find()
                self._show()
            await self._catalog.models(refresh=refresh)
        finally:
            self._asking = False
            self._timer.pause()
        self._show()

    def action_refresh(self) -> None:
        """Ask every endpoint again."""
        self._ask(refresh=True)

    def _look(self) -> None:
        """Show what has come since."""
        if self._found is not None and (len(self._catalog.known()), dict(self._catalog.problems)) != self._seen:
            self._show()

    # The list

    @on(Input.Changed)
    def narrow(self) -> None:
        """Show what matches; the highlight goes to the best match again."""
        self._moved = False
        self._show()

    def action_move(self, by: int) -> None:
        """Move in the list; the highlight is the person's from then on."""
        self._moved = True
        super().action_move(by)

    def action_move_page(self, by: int) -> None:
        """Move a page in the list; the highlight is the person's from then on."""
        self._moved = True
        super().action_move_page(by)

    def _show(self) -> None:
        """Fill the list; a highlight that was moved stays, else it goes to the best match or the current model."""
        if not self.is_there:
            return
        if self._found is None:
            self.say("Loading models…", KEYS)
            return
        before = self._ref_at(self.menu.highlighted) if self._moved or self.menu.has_focus else None
        known = self._catalog.known()
        self._seen = (len(known), dict(self._catalog.problems))
        query = self.field.value.strip()
        matches = self._matching(query, known)
        self._lines = [*self._grouped(matches), *self._typed(query, known)]
        best = max(matches, key=lambda found: found[0])[1].ref if query and matches else self._current
        if self._is_whole(query) and all(query != model.ref for model in known):
            best = query  # a name typed in full is taken at its word, though others resemble it
        refs = [line.ref for line in self._lines]
        first = next((place for place, ref in enumerate(refs) if ref is not None), None)
        place = next((refs.index(ref) for ref in (before, best) if ref is not None and ref in refs), first)
        self.fill([Option(line.content, disabled=line.ref is None) for line in self._lines], place)
        self.say(self._state(query, len(matches)), KEYS)

    def _matching(self, query: str, known: list[Model]) -> list[tuple[float, Model, tuple[int, ...]]]:
        """Models that match, with how well and at which letters of their id."""
        found: list[tuple[float, Model, tuple[int, ...]]] = []
        for model in known:
            hit = match(query, model.id)
            if query == model.ref:  # typed in full
                found.append((EXACT, model, ()))
            elif hit is not None:
                found.append((hit.score, model, hit.places))
            else:
                named = (match(query, model.ref), match(query, f"{model.endpoint} {model.id} {model.name}"))
                scores = [other.score for other in named if other is not None]
                if scores:
                    found.append((max(scores) / 2, model, ()))
        return found

    def _is_whole(self, query: str) -> bool:
        """Whether ``query`` is the name of an endpoint and a model."""
        name, _, model = query.partition("/")
        return bool(model) and " " not in query and name in self._catalog.names()

    def _grouped(self, matches: list[tuple[float, Model, tuple[int, ...]]]) -> list[Line]:
        """Lines under the headings of their endpoints; the best matches of each first."""
        lines: list[Line] = []
        for name in self._catalog.names():
            group = sorted((found for found in matches if found[1].endpoint == name), key=lambda found: -found[0])
            problem = self._catalog.problems.get(name)
            if not group and not (problem and not self.field.value.strip()):
                continue
            if lines:
                lines.append(Line(Content("")))
            lines.append(Line(self._heading(name)))
            if problem:
                lines.append(Line(Content.assemble(("! ", "bold $warning"), (one_line(problem, 400), "$warning"))))
            lines += [Line(self._model(model, places), model.ref) for _, model, places in group]
        return lines

    def _typed(self, query: str, known: list[Model]) -> list[Line]:
        """A name that no list has, at each endpoint that may have it all the same."""
        if not query or " " in query or any(query in (model.ref, model.id) for model in known):
            return []
        name, _, model = query.partition("/")
        names = self._catalog.names()
        if name in names:
            refs = [query] if model else []
        else:
            refs = [f"{one}/{query}" for one in names if self._catalog.endpoint(one) is not None]
        shown = [Content.assemble("Use ", (one_line(ref, LONGEST_NAME), "bold")) for ref in refs]
        lines = [Line(content, ref) for content, ref in zip(shown, refs, strict=True)]
        return [Line(Content("")), Line(Content.styled("As typed", "bold $secondary")), *lines] if lines else []

    def _heading(self, name: str) -> Content:
        built_in = "built in, offline" if name == self._catalog.names()[-1] else ""
        title = one_line(self._catalog.title(name), 60) or built_in
        if title.casefold() in ("", name.casefold()):
            return Content.styled(name, "bold $secondary")
        return Content.assemble((name, "bold $secondary"), (f"  {title}", "$foreground 75%"))

    def _model(self, model: Model, places: tuple[int, ...]) -> Content:
        """A model's id, its name if that says more, and how much it takes, at the right."""
        shown = one_line(model.id, LONGEST_NAME)
        content = Content(shown)
        if shown == model.id:
            for place in places:
                content = content.stylize("bold underline", place, place + 1)
        if model.ref == self._current:
            content = Content.assemble(content, ("  current", "bold $primary"))
        name = one_line(model.name, 60)
        if name and name.casefold() not in shown.casefold():
            content = Content.assemble(content, (f"  {name}", "$foreground 75%"))
        if not model.allowed:
            content = Content.assemble(content.stylize("$foreground 50%"), (f"  {model.tier} only", "$warning"))
        elif model.limits:
            content = Content.assemble(content, (f"  {model.limits}", "$foreground 75%"))
        takes = short_count(model.context_length) if model.context_length else ""
        line = content.truncate(self.room - 7, ellipsis=True, pad=True)
        return Content.assemble(line, (takes.rjust(7), "$foreground 75%"))

    def _state(self, query: str, matching: int) -> str:
        if self._asking:
            silent = [one for one in self._catalog.names() if not any(m.endpoint == one for m in self._catalog.known())]
            waiting = [one for one in silent if one not in self._catalog.problems]
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
        """Return what was clicked."""
        self._choose(self._ref_at(event.option_index))

    def _choose(self, ref: str | None) -> None:
        if self._found is None:
            return
        locked = next((one for one in self._catalog.known() if one.ref == ref and not one.allowed), None)
        if locked is not None:
            self.say(f"{one_line(locked.id, 40)} needs the {locked.tier} tier. Ask the server administrator.", KEYS)
        elif ref is not None:
            self.dismiss(ref)
