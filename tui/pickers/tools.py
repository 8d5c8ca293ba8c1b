"""Picker of tools: servers and their tools are chosen for a conversation, tried, and started again, in one list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual import on, work
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from sterna.storage.text import clean, one_line

from ..counts import counted
from ..tool_names import offers, tool_names
from .chooser import Chooser
from .fuzzy import match
from .tags import MARKS, TagInput
from .tool_choice import ToolChoice

if TYPE_CHECKING:
    from sterna.tools import OfferedTool, ServerState
    from sterna.tools.approvals import Approved

    from ..services.tool_servers import ToolServers

DOWN = ("failed", "off")
"""States in which a server can be started again."""
ALWAYS = "  always allowed"
LONGEST_NAME = 40
LONGEST = 300
QUIET = "$foreground 75%"
NO_SERVERS = (
    "No tools yet. They come from MCP servers: add one as [mcp.NAME] to config.toml. Tools of Sterna that read files "
    "and pages are turned on under [tools] there."
)


class Row(NamedTuple):
    """Line of the list: a server, one of its tools, or a chosen name of which nothing is known here."""

    server: ServerState | None
    tool: OfferedTool | None = None
    name: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Value by which the line is found again."""
        return (self.server.name if self.server else "", self.tool.name if self.tool else self.name)

    @property
    def searched(self) -> str:
        """Text in which what is typed is found."""
        if self.server is None or self.tool is None:
            return self.server.name if self.server else self.name
        return f"{self.server.name} {tool_names(self.tool.name)[1]} {self.tool.title}"


class ToolPicker(Chooser[tuple[str, ...] | None]):
    """Returns the names that are chosen now; None where they are as before."""

    TITLE = "Tools of this conversation"
    PLACEHOLDER = "Filter tools"

    BINDINGS = [
        Binding("space", "toggle_row", "Choose or not", show=False, priority=True, id="tools.toggle"),
        Binding("ctrl+t", "try_tool", "Try", show=False, id="tools.try"),
        Binding("ctrl+r", "start_again", "Start again", show=False, id="tools.start"),
        Binding("f4", "keep_default", "Default", show=False, id="tools.default"),
        Binding("shift+delete", "ask_again", "Ask again", show=False, id="tools.ask"),
    ]

    def __init__(
        self, toolbox: ToolServers, chosen: Sequence[str], *, keep: Callable[[Sequence[str]], None] = lambda _: None
    ) -> None:
        """Take the servers, the names that are chosen, and what keeps a choice for other conversations."""
        super().__init__()
        self._keep = keep
        self._toolbox = toolbox
        self._before = tuple(dict.fromkeys(chosen))
        self._choice = ToolChoice(self._before)
        self._rows: list[Row] = []
        self._allowed: Mapping[str, Approved] = {}
        """Tools that were allowed always, by their names."""

    def make_field(self) -> Input:
        """Return the field: no name has a space, and the key is for the list."""
        return TagInput(placeholder=self.PLACEHOLDER)

    def on_mount(self) -> None:
        """List the servers as they are, and start those that are not running."""
        super().on_mount()
        self._unsubscribe = self._toolbox.subscribe(self._show_soon)
        self._show()
        self._start(())
        self._read_allowed()

    def _show_soon(self) -> None:
        self.call_later(self._show)

    def on_unmount(self) -> None:
        """Follow the servers no longer."""
        self._unsubscribe()

    @work(group="tools.start")
    async def _start(self, names: Sequence[str]) -> None:
        await self._toolbox.start(names)

    @work(group="tools.allowed")
    async def _read_allowed(self, forget: str = "") -> None:
        """Show which tools are always allowed; with ``forget``, that one no longer is."""
        from sterna.tools.errors import ToolError

        approvals = self._toolbox.approvals
        try:
            forgotten = await asyncio.to_thread(approvals.forget, forget) if forget else []
        except ToolError as error:
            self.notify(str(error), severity="error")
        else:
            for name in forgotten:
                self.notify(f"Calls of {name} are asked for again.")
        self._allowed = await asyncio.to_thread(approvals.allowed)
        self._show()

    def _is_allowed(self, tool: OfferedTool) -> bool:
        """Return whether a tool is called without a question, as its server describes it now."""
        from sterna.tools.definitions import fingerprint

        approved = self._allowed.get(tool.name)
        return approved is not None and approved.fingerprint == fingerprint(tool)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._show)

    # Choosing

    @on(Input.Changed)
    def filter_typed(self) -> None:
        """Show the tools that the typed text is found in, and highlight the first line that has it."""
        self._show()
        typed = self.field.value.strip()
        found = (place for place, row in enumerate(self._rows) if match(typed, row.searched) is not None)
        if typed and (place := next(found, None)) is not None:
            self.menu.highlighted = place

    @on(Input.Submitted)
    def action_toggle_row(self) -> None:
        """Choose the highlighted line or not."""
        if self.menu.highlighted is not None:
            self._toggle(self.menu.highlighted)

    def choose_line(self, line: int) -> None:
        """Choose the line that was clicked, or not."""
        self._toggle(line)

    def _toggle(self, line: int) -> None:
        if line >= len(self._rows):
            return  # the list has become shorter since the click
        row = self._rows[line]
        if row.server is None:
            self._choice.toggle_name(row.name)
        elif row.tool is None:
            self._choice.toggle_server(row.server)
        else:
            self._choice.toggle_tool(row.server, row.tool)
        self._show()

    def action_cancel(self) -> None:
        """Drop the typed text; without one, return the choice."""
        if self.field.value:
            self.field.value = ""
            return
        self.dismiss(self._choice.names if set(self._choice.names) != set(self._before) else None)

    # Trying

    def action_try_tool(self) -> None:
        """Try the highlighted tool."""
        row = self._highlighted
        if row is None or row.tool is None:
            self.notify("Select a tool to try it.")
            return
        from ..dialogs.tool_trial import ToolTrial

        self.app.push_screen(ToolTrial(self._toolbox, row.tool))

    def action_start_again(self) -> None:
        """Start the server of the highlighted line again, unless it is running."""
        row = self._highlighted
        if row is not None and row.server is not None and row.server.state in DOWN:
            self._start((row.server.name,))

    def action_keep_default(self) -> None:
        """Keep the choice for conversations without one of their own."""
        self._keep(self._choice.names)

    def action_ask_again(self) -> None:
        """Ask before calls of the highlighted tool, which was always allowed."""
        row = self._highlighted
        if row is not None and row.tool is not None and self._is_allowed(row.tool):
            self._read_allowed(row.tool.name)

    # The list

    @property
    def _highlighted(self) -> Row | None:
        line = self.menu.highlighted
        return self._rows[line] if line is not None and line < len(self._rows) else None

    @on(OptionList.OptionHighlighted)
    def _explain(self) -> None:
        """Say more about the highlighted line, and which keys it takes."""
        row = self._highlighted
        if row is None:
            self.say("No tool has that name." if self._toolbox.servers() else NO_SERVERS, "f4 default   esc done")
        elif row.tool is not None:
            about = one_line(row.tool.description, LONGEST) or "It has no description."
            title = one_line(row.tool.title, LONGEST_NAME)
            again = "   shift+del ask again" if self._is_allowed(row.tool) else ""
            self.say(
                f"{title}: {about}" if title else about, f"space choose   ctrl+t try{again}   f4 default   esc done"
            )
        else:
            is_down = row.server is not None and row.server.state in DOWN
            again = "   ctrl+r start again" if is_down else ""
            problem = clean(row.server.problem) if row.server is not None else ""
            self.say(problem, f"space choose{again}   f4 default   esc done")

    def _show(self) -> None:
        if not self.is_there:
            return
        before, at = self._highlighted, self.menu.highlighted or 0
        typed = self.field.value.strip()
        servers = self._toolbox.servers()
        rows: list[Row] = []
        for server in servers:
            tools = [row for tool in server.tools if match(typed, (row := Row(server, tool)).searched) is not None]
            if tools or match(typed, server.name) is not None:
                rows += [Row(server), *tools]
        unknown = [name for name in self._before if not any(_knows(server, name) for server in servers)]
        rows += [Row(None, None, name) for name in unknown if match(typed, name) is not None]
        self._rows = rows
        keys = [row.key for row in rows]
        place = keys.index(before.key) if before is not None and before.key in keys else min(at, len(rows) - 1)
        self.fill([Option(self._line(row)) for row in rows], place if rows else None)
        self._explain()

    def _line(self, row: Row) -> Content:
        if row.server is None:
            mark = MARKS[row.name in self._choice.names]
            return Content.assemble(f"{mark} {one_line(row.name, LONGEST_NAME)}", ("  not on this computer", QUIET))
        if row.tool is not None:
            mark = MARKS[self._choice.has_tool(row.server, row.tool)]
            name = one_line(tool_names(row.tool.name)[1], LONGEST_NAME)
            title = row.tool.title if row.tool.title != row.tool.original else ""
            about = one_line(row.tool.description or title, LONGEST)
            always = ALWAYS if self._is_allowed(row.tool) else ""
            line = Content.assemble(f"    {mark} {name}", (always, "$warning"), (f"  {about}" if about else "", QUIET))
            return line.truncate(self.room, ellipsis=True)
        mark = MARKS[self._choice.has_server(row.server)]
        state, style = _state(row.server)
        name = one_line(row.server.name, LONGEST_NAME)
        line = Content.assemble(f"{mark} ", (name, "bold"), ("  " + state, style))
        return line.truncate(self.room, ellipsis=True)


def _state(server: ServerState) -> tuple[str, str]:
    """Return the state of a server in words, with their style."""
    match server.state:
        case "ready":
            return counted(len(server.tools), "tool"), QUIET
        case "starting":
            return "starting…", "$primary"
        case "failed":
            return f"✗ {one_line(server.problem, LONGEST)}", "$error"
    return f"off  {one_line(server.problem, LONGEST)}", QUIET


def _knows(server: ServerState, name: str) -> bool:
    """Return whether a name is of a server; while that has not listed its tools, any of its names may be."""
    return (
        name == server.name
        or any(name == tool.name for tool in server.tools)
        or (server.state != "ready" and offers(server, name))
    )
