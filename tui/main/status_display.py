"""Heading, status line, hints and welcome text of the main screen, kept in step with what they describe."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, cast

from textual.content import Content

from sterna import storage
from sterna.storage.text import one_line

from ..actions.bindings import BY_ID, key_name
from ..counts import counted, short_cost, short_count
from ..titles import UNTITLED
from .conversation import OpenConversation
from .layout import MainLayout
from .question_bar import ANSWER
from .status_bar import Hint, field_hints, replying, waiting_for
from .welcome import STEPS, Providers

if TYPE_CHECKING:
    from textual.timer import Timer

    from sterna.providers import Catalog
    from sterna.storage import Conversation

    from ..sidebar import Sidebar

TICK_SECONDS = 0.5
"""Interval between updates of the status line while a reply arrives."""


TRANSCRIPTS = ("transcript", "reading-transcript")
"""Ids of the widgets that show messages."""


class StatusDisplay:
    """Reads the history for what is shown around the messages, and shows it."""

    def __init__(self, layout: MainLayout, conversation: OpenConversation) -> None:
        self._layout = layout
        self._conversation = conversation
        self._context = layout.context
        self._ticker: Timer | None = None
        self._costed: tuple[str, int, int] | None = None
        """Conversation whose cost is shown, and the counts by which it is known to be the same."""

    # Heading and status line

    async def refresh(self) -> None:
        """Show title, model, tokens, sync status and hints as they are now."""
        layout, record = self._layout, self._conversation.record
        if not layout.query("#heading"):
            return  # the program ended while a conversation was being opened
        title = Content(await self._title(record))
        if record is not None and await self._context.store.run(storage.SyncMetadata.is_private, record.id):
            title = Content.assemble(title, ("  on this device only", "$foreground 75%"))
        if persona := self._conversation.choices.get("persona"):
            title = Content.assemble(title, (f"  {one_line(str(persona), 40)}", "$foreground 75%"))
        layout.heading.update(title)
        layout.heading.renames = record is not None
        layout.status.model = self._conversation.model.rstrip("/")
        layout.status.tools = self.tools
        await self._show_usage(record)
        layout.status.read_only = self._conversation.reopened and self._context.store.read_only is not None
        self.show_sync()
        self.show_activity()

    @property
    def tools(self) -> str:
        """Number of the tools that are chosen in this conversation, in words; empty for none."""
        if not (chosen := self._conversation.tools):
            return ""
        from ..tool_names import chosen_count

        toolbox = self._context.tools.toolbox
        servers = toolbox.servers() if toolbox is not None else ()
        tools, unknown = chosen_count(chosen, servers)
        parts = (counted(tools, "tool") if tools else "", counted(unknown, "tool server") if unknown else "")
        return ", ".join(filter(None, parts))

    def _starting_server(self) -> str:
        """Return the name of a server of tools that a request may wait for; empty for none."""
        toolbox = self._context.tools.toolbox
        servers = toolbox.servers() if toolbox is not None and self._conversation.tools else ()
        return next((server.name for server in servers if server.state == "starting"), "")

    async def _title(self, record: Conversation | None) -> str:
        """Return the title of a conversation; one without a title goes by its question."""
        if record is None:
            return UNTITLED
        if not await self._context.store.run(storage.Conversations.is_untitled, record.id):
            return one_line(record.title)
        return one_line(record.last_message_preview or "") or UNTITLED

    async def _show_usage(self, record: Conversation | None) -> None:
        """Show how much of the model's context the conversation takes, and what it has cost."""
        status, catalog = self._layout.status, self._context.catalog
        newest = await self._context.store.run(storage.Messages.before, record.id, None, 4) if record else []
        used = next((used for message in reversed(newest) if (used := message.context_tokens)), 0)
        most = catalog.context_length(self._conversation.model) if catalog is not None else None
        if used and most is None and catalog is not None:
            self._layout.start_worker("context length", self._learn_context_length, catalog)
        tokens = f"{short_count(used)} of {short_count(most)} tokens" if most else f"{short_count(used)} tokens"
        status.context = tokens if used else ""
        status.share = min(999, round(100 * used / most)) if used and most else None
        self._show_cost(record if used else None)

    def _show_cost(self, record: Conversation | None) -> None:
        """Show the cost once it is known; it takes a look at every message, so only where they have changed."""
        counted = (record.id, record.message_count, record.total_tokens) if record is not None else None
        if counted == self._costed:
            return
        if record is None or self._costed is None or self._costed[0] != record.id:
            self._layout.status.cost = ""
        self._costed = counted
        if record is not None:
            self._layout.start_worker("cost", self._add_up, record.id)

    async def _add_up(self, conversation_id: str) -> None:
        """Show the cost as providers stated it, and an estimate by their prices where they did not."""
        uses = await self._context.store.run(storage.Costs.by_model, conversation_id)
        estimated, catalog = 0.0, self._context.catalog
        if catalog is not None:
            prices = (catalog.price(use.model, use.input_tokens, use.output_tokens) for use in uses)
            estimated = sum(price or 0.0 for price in prices)
        if self._layout.is_alive and self._costed is not None and self._costed[0] == conversation_id:
            stated = sum(use.stated for use in uses)
            is_estimate = estimated > 0 or any(use.estimated > 0 for use in uses)
            self._layout.status.cost = short_cost(stated + estimated, is_estimate=is_estimate)
            await self._show_budget()

    async def _show_budget(self) -> None:
        """Show which share of a budget is used, from the share on that is a warning."""
        from sterna.chat.costs import WARNING_SHARE, used

        use = await used(self._context.store, self._context.settings)
        shown = use is not None and use.share >= WARNING_SHARE
        self._layout.status.budget = f"{min(999, use.share * 100):.0f}% of {use.setting}" if use and shown else ""

    async def _learn_context_length(self, catalog: Catalog) -> None:
        """Ask the model's server once how long a context may be, and show it."""
        await catalog.fetch_context_length(self._conversation.model)
        if catalog.context_length(self._conversation.model) is not None:
            await self.refresh()

    def show_activity(self) -> None:
        """Show how far the reply is that arrives here, from now on twice a second."""
        status, reply = self._layout.status, self._conversation.live_reply
        if reply is None:
            if self._ticker is not None:
                self._ticker.stop()
                self._ticker = None
            download = self._context.download
            idle = one_line(download.short, 60) if download is not None else ""
            status.activity = idle if self._context.ready.is_set() else "opening…"
        else:
            if self._ticker is None:
                self._ticker = self._layout.set_interval(TICK_SECONDS, self.show_activity)
            is_waiting = not reply.content and not reply.reasoning
            arriving = replying(monotonic() - reply.started, reply.content, is_waiting, reply.waiting is not None)
            if reply.asking is not None:
                arriving = "waits for your answer"
            elif is_waiting and (server := self._starting_server()):
                arriving = f"starting {server} {monotonic() - reply.started:.0f} s"
            elif reply.call_started:
                arriving = f"tool runs {monotonic() - reply.call_started:.0f} s"
            if reply.outage is not None:
                arriving = waiting_for(reply.outage.title, reply.outage.next_question - monotonic())
            status.activity = reply.problem or arriving
        self.show_hints()

    def show_sync(self) -> None:
        """Show the sync status; once the server is known to answer questions, offer its models."""
        sync, catalog = self._context.sync, self._context.catalog
        self._layout.status.sync = sync.status_line(self._context.clock())
        self._layout.status.sync_short = sync.short_status
        for sidebar in self._layout.query("#sidebar"):
            cast("Sidebar", sidebar).signed_in = bool(sync.account)
        if catalog is not None and sync.report.phase == "synced" and "server" not in catalog.names():
            self._layout.start_worker("find models", self._find_models, catalog)

    async def _find_models(self, catalog: Catalog) -> None:
        known = catalog.names()
        for find in catalog.finders:
            await find()
        if catalog.names() != known:
            await self.refresh()
            await self.show_welcome()

    # Keys

    def show_keys(self) -> None:
        """Show every key as the keymap has it now."""
        self._layout.welcome.keys = {action_id: self.key_name(action_id) for action_id in STEPS}
        self.show_hints()

    def show_hints(self) -> None:
        """Show the keys that make sense where the focus is."""
        layout, focused = self._layout, self._layout.focused
        if layout.welcome.trouble is not None:
            layout.status.hints = tuple(self._hint(action_id) for action_id in ("reply.retry", "app.quit", "app.help"))
            return
        if self._conversation.live_reply is not None:
            ids = ["reply.stop"]
            if self._context.tools.questions.of(self._conversation.id):
                ids = [ANSWER, *ids]
            elif self._conversation.live_reply.waits_for:
                ids = ["reply.retry", "prompt.take_back", *ids]
        elif focused is None or focused is layout.prompt:
            ids = ["prompt.send"] if self._context.ready.is_set() else []
        elif (hints := field_hints(focused)) is not None:
            layout.status.hints = hints
            return
        elif any(node.id in TRANSCRIPTS for node in focused.ancestors_with_self):
            ids = ["transcript.copy", "transcript.copy_code", "transcript.retry", "prompt.focus"]
        else:
            ids = ["sidebar.open", "sidebar.filter", "sidebar.rename", "sidebar.delete", "prompt.focus"]
            if layout.sidebar.selection.ids:
                ids = ["sidebar.select", "sidebar.pin", "sidebar.archive", "sidebar.tag", "sidebar.delete"]
        ids += ["conversation.new", "conversation.search", "model.choose", "app.palette", "app.help"]
        layout.status.hints = tuple(self._hint(action_id) for action_id in ids)

    def key_name(self, action_id: str) -> str:
        """Return the key of an action as users write it."""
        return key_name(self._context.key_of(action_id))

    def _hint(self, action_id: str) -> Hint:
        action = BY_ID[action_id]
        return Hint(self.key_name(action_id), action.hint or action.title.lower(), action_id)

    # Welcome

    async def show_welcome(self) -> None:
        """Show which providers there are, now and once they have answered."""
        catalog = self._context.catalog
        if catalog is None:
            return
        welcome = self._layout.welcome
        welcome.first = await self._context.store.run(storage.Conversations.total) == 0
        names = [title for name in catalog.names() if (title := catalog.title(name))]
        model, problems = self._conversation.model.rstrip("/"), tuple(catalog.problems.values())
        welcome.providers = Providers(model, tuple(names), problems)

    def show_trouble(self, sentence: str) -> None:
        """Say where messages would stand why the history cannot be opened; the prompt goes on taking text."""
        layout = self._layout
        layout.add_class("-trouble")
        layout.welcome.trouble = sentence
        layout.status.activity = ""
        self.show_hints()
        layout.prompt.focus()

    def end_trouble(self) -> None:
        """Say that the history is being opened again."""
        self._layout.welcome.trouble = None
        self._layout.remove_class("-trouble")
        self._layout.status.activity = "opening…"

    @property
    def in_trouble(self) -> bool:
        """True while the history cannot be opened."""
        return self._layout.has_class("-trouble")
