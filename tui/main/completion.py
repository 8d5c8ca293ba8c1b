"""Completion in the prompt: commands and their arguments, files after ``@`` and snippets after ``;``.

The list opens above the prompt while one types and takes only the keys that choose from it. Enter chooses the line that
is highlighted; where that is what was typed already, it sends. Escape closes the list, and then enter sends too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from textual.content import Content

from sterna.storage.text import one_line

from ..prompt.slash_commands import BY_NAME, COMMANDS, Command
from ..prompt.tokens import Token
from .layout import MainLayout

if TYPE_CHECKING:
    from .completion_list import CompletionList

MOST = 50
"""Completions that are listed."""
KEYS = frozenset({"up", "down", "tab", "enter", "escape"})
"""Keys that choose from the list."""
FRESH_SECONDS = 10.0
"""Time for which the files of a folder are not read again."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a token may stand for."""

    text: str
    """Text that replaces the token."""
    name: str
    note: str = ""


class Completion:
    """List of what the token at the cursor may stand for."""

    def __init__(self, layout: MainLayout, file_chosen: Callable[[Token, str], None]) -> None:
        self._layout = layout
        self._context = layout.context
        self._file_chosen = file_chosen
        """Attaches a file instead of a token."""
        self._token: Token | None = None
        self._candidates: list[Candidate] = []
        self._dismissed: tuple[int, int] | None = None
        """Beginning of a token whose list was closed."""
        self._has_moved = False
        self._files: tuple[float, str, list[str]] = (0.0, "", [])
        layout.prompt.completion_takes = self.takes

    @property
    def _list(self) -> CompletionList | None:
        from .completion_list import CompletionList

        return next(iter(self._layout.query(CompletionList)), None)

    @property
    def is_open(self) -> bool:
        """True while the list is shown."""
        return self._token is not None and bool(self._candidates)

    def follow(self, token: Token | None) -> None:
        """Show what may be meant by the token at the cursor."""
        if token is None or (token.row, token.start) != self._dismissed:
            self._dismissed = None
        if token is None or self._dismissed is not None:
            self.close()
        elif token != self._token:
            self._layout.start_worker("complete", self._find, token)

    def close(self) -> None:
        """Hide the list."""
        if self._token is not None:
            self._token, self._candidates = None, []
            if (shown := self._list) is not None:
                shown.display = False

    # Keys

    def takes(self, key: str) -> bool:
        """Return whether a key chooses from the list, which it has then done."""
        if not self.is_open or self._token is None or key not in KEYS:
            return False
        shown = self._list
        if shown is None or not shown.display or not self._is_of(self._layout.prompt.token, shown):
            return False
        match key:
            case "up" | "down":
                self._has_moved = True
                shown.move(1 if key == "down" else -1)
            case "tab":
                self.accept(shown.highlighted)
            case "escape":
                self._dismissed = (self._token.row, self._token.start)
                self.close()
            case "enter" if self._is_meant(shown.highlighted):
                self.accept(shown.highlighted, run=True)
            case _:
                return False
        return True

    def _is_of(self, token: Token | None, shown: CompletionList) -> bool:
        """Return whether the list belongs to the token at the cursor; one that has grown meanwhile narrows it."""
        before = self._token
        if token is None or before is None or token == before:
            return token is not None
        if (token.kind, token.row, token.start) != (before.kind, before.row, before.start):
            return False
        folder, _, name = token.text.rpartition("/")
        if folder != before.text.rpartition("/")[0] or not (candidates := _best(name, self._candidates)):
            return False
        self._token, self._candidates = token, candidates
        shown.fill([_line(each) for each in candidates])
        return True

    def _is_meant(self, index: int | None) -> bool:
        """Return whether enter chooses, instead of sending or running what was typed."""
        token = self._token
        if token is None or index is None or index >= len(self._candidates):
            return False
        if token.kind == "command":
            return self._has_moved or token.text.lower() not in BY_NAME
        return self._candidates[index].text.strip() != token.text.strip()

    def accept(self, index: int | None, *, run: bool = False) -> None:
        """Put a completion in the place of the token; with ``run``, run a command that needs no argument."""
        token, prompt = self._token, self._layout.prompt
        if token is None or index is None or index >= len(self._candidates):
            return
        candidate = self._candidates[index]
        self.close()
        prompt.focus()
        if token.kind == "file" or (token.command is not None and token.command.name == "attach"):
            if candidate.text.endswith("/"):
                prompt.complete(token, f"@{candidate.text}" if token.kind == "file" else candidate.text)
            else:
                self._file_chosen(token, candidate.text)
        elif token.kind != "command":
            prompt.complete(token, candidate.text)
        else:
            command = BY_NAME[candidate.name.removeprefix("/")]
            runs = run and bool(command.action_id)
            prompt.complete(token, candidate.text.rstrip() if runs or not command.argument else candidate.text)
            if runs:
                prompt.action_send()

    # Candidates

    async def _find(self, token: Token) -> None:
        candidates = (await self._candidates_for(token))[:MOST]
        if self._layout.prompt.token != token:
            return
        if token == self._token and candidates == self._candidates:
            return  # a key has narrowed the list already
        self._token, self._candidates, self._has_moved = token, candidates, False
        only = candidates[0].text.strip() if len(candidates) == 1 else None
        if not candidates or only in (token.text, f"/{token.text}"):
            self.close()
            return
        await self._show()

    async def _show(self) -> None:
        from .completion_list import CompletionList

        if (shown := self._list) is None:
            shown = CompletionList(id="completions")
            await self._layout.query_one("#conversation").mount(shown, before="#prompt")
        shown.fill([_line(each) for each in self._candidates])

    async def _candidates_for(self, token: Token) -> list[Candidate]:
        match token.kind:
            case "command":
                named = [_command(command.name, command) for command in COMMANDS]
                # another name stands for the command where nothing else begins like it
                return _best(token.text, named) or _best(token.text, starmap(_command, BY_NAME.items()))
            case "file":
                return await self._paths(token.text)
            case "snippet":
                return _best(token.text, await self._snippets())
        assert token.command is not None
        match token.command.name:
            case "model":
                catalog = self._context.catalog
                models = catalog.known() if catalog is not None else []
                return _best(token.text, [Candidate(model.ref, model.ref, model.name) for model in models])
            case "persona":
                return _best(token.text, await self._personas())
            case "snippet":
                snippets = await self._snippets()
                return _best(token.text, [Candidate(each.name, each.name, each.note) for each in snippets])
            case "attach":
                return await self._paths(token.text)
        return []

    async def _paths(self, typed: str) -> list[Candidate]:
        from ..prompt.files import completions

        folder, _, name = typed.rpartition("/")
        place = folder if "/" in typed or typed.startswith("~") else "."
        at, known, paths = self._files
        if known != place or monotonic() - at > FRESH_SECONDS:
            paths = await asyncio.to_thread(completions, typed, Path.cwd())
            self._files = (monotonic(), place, paths)
        if place == ".":
            return _best(name, [Candidate(path, path) for path in paths])
        short = [Candidate(path, path.rstrip("/").rpartition("/")[2] + ("/" * path.endswith("/"))) for path in paths]
        return _best(name, short)

    async def _snippets(self) -> list[Candidate]:
        from sterna.config import built_in, fill, load_snippets

        snippets = await asyncio.to_thread(load_snippets, self._context.settings_file.folder)
        values = built_in(self._context.clock())
        return [Candidate(fill(text, values), name, text) for name, text in snippets.texts.items()]

    async def _personas(self) -> list[Candidate]:
        from sterna.config import load_personas

        personas = await asyncio.to_thread(load_personas, self._context.settings_file.folder)
        return [Candidate(name, name, persona.description) for name, persona in personas.by_name.items()]


def _command(name: str, command: Command) -> Candidate:
    return Candidate(f"/{name} ", f"/{name}", command.help)


def _best(typed: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates whose name matches, the best first; all of them for an empty text."""
    from ..pickers.fuzzy import match

    found = []
    for number, each in enumerate(candidates):
        if (matched := match(typed, each.name)) is not None:
            found.append((-matched.score, number, each))
    return [each for _, _, each in sorted(found, key=lambda item: item[:2])]


def _line(candidate: Candidate) -> Content:
    note = one_line(candidate.note, 120)
    name = Content.styled(one_line(candidate.name, 120), "bold")
    return Content.assemble(name, (f"  {note}", "$foreground 75%")) if note else name
