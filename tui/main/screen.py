"""Main screen: it hands keys, messages of its parts and actions to the objects that answer them."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Literal, cast

from textual import events, on

from ..actions.action import Action, Focus, Needs, Scope, Target
from ..actions.bindings import BY_ID, bindings
from ..actions.letters import LetterCommands
from ..actions.typeahead import typeahead
from ..context import AppContext
from ..messages import ActionRequested
from ..prompt import Prompt
from ..prompt.attachments import AttachmentRow
from .attachment_opener import open_attachments
from .branch_actions import BranchActions
from .compare_actions import CompareActions
from .complaints import PROMPT
from .conversation import OpenConversation
from .conversation_actions import ConversationActions
from .export_actions import ExportActions
from .label_actions import LabelActions
from .layout import MainLayout
from .leader import LeaderKeys
from .navigation import Navigation
from .notices import place_notices
from .prompt_attachments import PromptAttachments
from .queue_bar import QueueBar
from .reading_actions import ReadingActions
from .reply_notice import Alerting, ReplyNotice
from .status_display import StatusDisplay
from .tool_actions import ToolActions
from .turn_actions import TurnActions
from .writing_actions import WritingActions

if TYPE_CHECKING:
    from textual.widget import Widget

    from sterna.storage import Change

    from ..sidebar import Sidebar
    from ..transcript import Transcript
    from .completion_list import CompletionList
    from .find_bar import FindBar


class MainScreen(MainLayout):
    """List, conversation and prompt.

    Messages of the list and of the transcript are handled by name (``on_sidebar_opened``): naming their classes in a
    decorator would load them before the first frame.
    """

    BINDINGS = bindings(Scope.MAIN)

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self.conversation = OpenConversation(context)
        self.status_display = StatusDisplay(self, self.conversation)
        self.attachments = PromptAttachments(self, self.conversation)
        self.navigation = Navigation(self, self.conversation, self.status_display, self.attachments)
        self.conversation_actions = ConversationActions(self, self.navigation, self.status_display)
        self.attachments.offer_undo = self.conversation_actions.offer_undo
        self.turn_actions = TurnActions(
            self,
            self.navigation,
            self.status_display,
            self.attachments,
            offer_undo=self.conversation_actions.offer_undo,
            run_command=lambda *about: self.writing_actions.run_command(*about),
        )
        self.export_actions = ExportActions(self, self.navigation)
        self.compare_actions = CompareActions(self, self.navigation, self.turn_actions, self.attachments)
        self.writing_actions = WritingActions(
            self,
            self.navigation,
            self.status_display,
            self.conversation_actions,
            self.turn_actions.queue,
            self.attachments,
            self.export_actions,
            self.compare_actions,
        )
        self.reading_actions = ReadingActions(self, self.navigation, self.turn_actions)
        self.leader = LeaderKeys(self, self.can_perform)
        self.label_actions = LabelActions(self, self.navigation, offer_undo=self.conversation_actions.offer_undo)
        self.branch_actions = BranchActions(
            self, self.navigation, self.turn_actions, offer_undo=self.conversation_actions.offer_undo
        )
        self.tool_actions = ToolActions(
            self, self.navigation, self.status_display, offer_undo=self.conversation_actions.offer_undo
        )
        self._letters = LetterCommands(self, lambda: self.prompt, self._selected)
        self._targets: dict[Target, object] = {
            Target.ATTACHMENTS: self.attachments,
            Target.LAYOUT: self,
            Target.CONVERSATIONS: self.conversation_actions,
            Target.TURNS: self.turn_actions,
            Target.WRITING: self.writing_actions,
            Target.READING: self.reading_actions,
            Target.LABELS: self.label_actions,
            Target.EXPORT: self.export_actions,
            Target.BRANCHES: self.branch_actions,
            Target.TOOLS: self.tool_actions,
            Target.COMPARING: self.compare_actions,
            Target.DOWNLOADS: self.conversation_actions.downloads,
        }

    # Start and end of the program

    def on_mount(self) -> None:
        """Prepare the first frame, ready for typing."""
        self.set_class(self.context.is_ascii, "-ascii")
        self.set_class(not self.context.settings.ui.sidebar, "-no-list")
        self.status.activity = "opening…"
        self.status_display.show_keys()
        typeahead(self.app).begin(self, self.prompt)
        self.prompt.focus()
        self.watch(self, "focused", self._focus_moved, init=False)
        self.watch(self.app, "app_focus", self.turn_actions.hurry, init=False)
        self.watch(self.prompt, "edited", self.branch_actions.show_edited, init=False)
        self.watch(self.prompt, "edited", self.attachments.show_edit, init=False)
        self.screen_layout_refresh_signal.subscribe(self, place_notices)

    @on(events.ScreenSuspend)
    def _end_leader(self) -> None:
        """Wait for no second key under a dialog: text that is typed once it is closed would be a command."""
        self.leader.end()

    def _focus_moved(self, focused: Widget | None) -> None:
        self.status_display.show_hints()
        if focused is not None and focused is not self.prompt:
            self.writing_actions.completion.close()

    async def started(self) -> None:
        """Show that the store is open and models are known by name: everything works from now on."""
        turns = self.context.turns
        assert turns is not None
        turns.subscribe(self.turn_actions.reply_changed)
        turns.subscribe(ReplyNotice(cast("Alerting", self.app), self.context).reply_changed)
        if self.context.catalog is not None:
            self.context.catalog.on_added = self.show_providers
        self.tool_actions.follow_servers()
        await self.show_providers()
        await turns.waiting.resume()
        await self.navigation.show_removals()

    def changed(self, change: Change) -> None:
        """Follow a commit, here or in another process."""
        if self.is_alive:
            self.navigation.changed(change)
            self.turn_actions.changed(change)

    def sync_changed(self) -> None:
        """Follow a report of sync."""
        if self.is_alive:
            self.status_display.show_sync()

    async def settings_changed(self) -> None:
        """Follow the settings and keys as they are now."""
        self.apply_settings()
        self.status_display.show_keys()
        await self.status_display.refresh()

    async def show_providers(self) -> None:
        """Show the models and providers that there are now."""
        if not self.is_alive:
            return
        await self.status_display.refresh()
        await self.status_display.show_welcome()

    # Actions

    async def perform(self, action_id: str) -> None:
        """Run an action, wherever the focus is."""
        action = BY_ID[action_id]
        await self.app.run_action(action.binding, self.node_of(action.scope))

    async def action_perform(self, action_id: str) -> None:
        """Run an action of this screen by the object that it belongs to."""
        action = BY_ID[action_id]
        if action_id == "reply.stop" and (self.reading_actions.end_find() or self.branch_actions.end_edit()):
            return
        result = getattr(self._targets[action.target], action.run)()
        if isawaitable(result):
            await result

    def action_edit_prompt(self) -> None:
        """Edit the prompt in the user's editor."""
        self.writing_actions.edit_prompt()

    def action_show_leader_keys(self) -> None:
        """Wait for the second key of a command, and show which keys there are."""
        self.leader.begin()

    def action_scroll_messages(self, where: Literal["page_up", "page_down", "first", "last"]) -> None:
        """Scroll the messages; the focus stays where it is."""
        if self.conversation.id is not None:
            self.transcript.scroll_to_place(where)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Allow only what needs no store until it is open: None says that it is not possible yet."""
        if action != "perform" or self.conversation.reopened:
            return True
        return Needs.STORE not in BY_ID[str(parameters[0])].needs or None

    def can_perform(self, action: Action) -> bool:
        """Return whether an action makes sense now."""
        if Needs.REPLY in action.needs:
            return self.conversation.live_reply is not None
        return Needs.CONVERSATION not in action.needs or self.conversation.id is not None

    @on(ActionRequested)
    async def _perform_requested(self, event: ActionRequested) -> None:
        self.leader.end()
        await self.perform(event.action_id)

    # Keys

    async def on_key(self, event: events.Key) -> None:
        """Take keys of the list and of the messages before they mean anything."""
        ahead = typeahead(self.app)
        if ahead.takes(event):
            ahead.keep(event)
        elif self.app.screen is not self or (self._takes_commands and await self._letters.take(event)):
            return
        elif not await ahead.open(self, event, Focus.LEAVES | Focus.RETURNS):
            await self._run_in_order(event)

    @property
    def _takes_commands(self) -> bool:
        """True while the list or the messages have the focus, where letters are commands."""
        return self.focused is not None and not hasattr(self.focused, "cursor_blink")

    def _selected(self) -> tuple[object, ...]:
        """Return what commands of the list and of the messages are about."""
        return self.sidebar.rows.cursor_id, self.sidebar.selection.ids, self.transcript.selected

    async def _run_in_order(self, event: events.Key) -> None:
        """Run a command of the list or the messages here: later, a key that opens something would overtake it."""
        bound = self.app.active_bindings.get(event.key)
        if bound is not None and self._takes_commands and await self.app.run_action(bound.binding.action, bound.node):
            event.stop()
            event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Give a paste that no field took to the prompt."""
        ahead = typeahead(self.app)
        if ahead.takes(event):
            ahead.keep(event)
        elif self.app.screen is self:
            event.stop()
            self.prompt.focus()
            self.prompt.post_message(events.Paste(event.text))

    @on(events.Click, "#transcript-new")
    def _focus_prompt_after_click(self) -> None:
        """Focus the prompt after the way back to the newest message was clicked."""
        self.prompt.focus()

    # Messages of the prompt

    @on(Prompt.Submitted)
    def _submit(self, event: Prompt.Submitted) -> None:
        self.turn_actions.submit(event)

    @on(Prompt.Refused)
    def _say_why_refused(self, event: Prompt.Refused) -> None:
        turns = self.turn_actions
        if not event.is_empty or not any((turns.hurry_here(), turns.queue.resume())):
            self.notify(event.reason)

    @on(Prompt.UpInEmpty)
    def _take_back_or_edit_or_show_older(self) -> None:
        if not self.turn_actions.queue.take_back() and not self.branch_actions.edit_last():
            self.prompt.show_older()

    @on(Prompt.CursorMoved)
    def _complete(self, event: Prompt.CursorMoved) -> None:
        self.writing_actions.completion.follow(event.token)

    def _on_completion_list_chosen(self, event: CompletionList.Chosen) -> None:
        self.writing_actions.completion.accept(event.index)

    @on(QueueBar.Chosen)
    def _take_back(self, event: QueueBar.Chosen) -> None:
        self.turn_actions.queue.take_back(event.index)

    @on(Prompt.PathsPasted)
    def _attach_pasted(self, event: Prompt.PathsPasted) -> None:
        self.attachments.add_paste(event)

    @on(AttachmentRow.RemoveRequested)
    def _remove_attachment(self, event: AttachmentRow.RemoveRequested) -> None:
        self.attachments.remove(event.attachment_id)

    @on(Prompt.Edited)
    def _save_draft_soon(self) -> None:
        self.navigation.save_draft_soon()
        if not self.prompt.text:
            self.complaints.end(PROMPT)

    # Messages of the list

    def _on_sidebar_opened(self, event: Sidebar.Opened) -> None:
        self.navigation.go_to(event.conversation_id)
        self.prompt.focus()

    def _on_sidebar_rename_ended(self) -> None:
        self.conversation_actions.end_rename()

    def _on_sidebar_rename_submitted(self, event: Sidebar.RenameSubmitted) -> None:
        self.conversation_actions.save_title(event.conversation_id, event.title)

    def _on_sidebar_delete_requested(self, event: Sidebar.DeleteRequested) -> None:
        self.conversation_actions.request_delete(event.conversation_ids)

    def _on_sidebar_label_requested(self, event: Sidebar.LabelRequested) -> None:
        match event.what:
            case "pin":
                self.label_actions.pin(event.conversation_ids)
            case "archive":
                self.label_actions.archive(event.conversation_ids)
            case "tag":
                self.label_actions.tag(event.conversation_ids)
            case "export":
                self.export_actions.export(event.conversation_ids)
            case "resume":
                self.export_actions.copy_command(event.conversation_ids[-1])

    def _on_sidebar_selection_changed(self) -> None:
        self.status_display.show_hints()

    # Messages of the transcript

    def _on_transcript_retry_requested(self, event: Transcript.RetryRequested) -> None:
        self.turn_actions.regenerate(event.message_id)

    async def _on_transcript_action_on_message(self, event: Transcript.ActionOnMessage) -> None:
        await self.perform(event.action_id)

    def _on_transcript_version_requested(self, event: Transcript.VersionRequested) -> None:
        self.branch_actions.switch_version(event.message_id, event.step)

    def _on_transcript_copied(self, event: Transcript.Copied) -> None:
        self.turn_actions.say_copied(event.what)

    def _on_transcript_attachments_requested(self, event: Transcript.AttachmentsRequested) -> None:
        open_attachments(self, event.attachments)

    def _on_transcript_delete_requested(self, event: Transcript.DeleteRequested) -> None:
        self.turn_actions.delete_message(event.message_id)

    def _on_transcript_code_requested(self, event: Transcript.CodeRequested) -> None:
        self.reading_actions.use_code(event)

    def _on_transcript_links_requested(self, event: Transcript.LinksRequested) -> None:
        self.reading_actions.choose_link(event)

    def _on_transcript_quote_requested(self, event: Transcript.QuoteRequested) -> None:
        self.reading_actions.open_message(event.conversation_id, event.message_id)

    def _on_transcript_opened(self) -> None:
        self.reading_actions.conversation_opened()

    def _on_transcript_match_shown(self, event: Transcript.MatchShown) -> None:
        self.reading_actions.show_place(event.number, event.total)

    # Messages of the field that finds text

    def _on_find_bar_changed(self, event: FindBar.Changed) -> None:
        self.reading_actions.find_text(event.text)

    def _on_find_bar_stepped(self, event: FindBar.Stepped) -> None:
        self.reading_actions.step(event.by)

    def _on_find_bar_accepted(self) -> None:
        self.reading_actions.read_matches()

    def _on_find_bar_closed(self) -> None:
        self.reading_actions.end_find()
