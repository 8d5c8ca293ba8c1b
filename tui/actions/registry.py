"""Everything a user can do, in one tuple: keys, palette, hints, help screen and the README's table come from it.

Keys were chosen to work in a plain terminal over ssh: no ctrl+s or ctrl+q (flow control), no ctrl+b or ctrl+a (tmux,
screen), no ctrl+h, ctrl+i, ctrl+m or ctrl+[ (backspace, tab, enter and escape), nothing that a text area edits with,
nothing that needs ctrl+shift. Function keys and alt keys are never the only ones: terminals and desktops keep some for
themselves, and on a Mac alt types other characters. ``leader p`` is the leader key (ctrl+x) and then p.
"""

from __future__ import annotations

from functools import partial

from .action import Action, Focus, Needs, Scope, Target
from .attaching import ATTACHING
from .conversation_list import LIST
from .replies import REPLIES

CONVERSATION = Needs.STORE | Needs.CONVERSATION
SWITCHES = Focus.LEAVES | Focus.SWITCHES

_app = partial(Action, scope=Scope.APP)
_layout = partial(Action, scope=Scope.MAIN, target=Target.LAYOUT)
_conversations = partial(Action, scope=Scope.MAIN, target=Target.CONVERSATIONS, needs=Needs.STORE)
_labels = partial(Action, scope=Scope.MAIN, target=Target.LABELS, needs=CONVERSATION)
_writing = partial(Action, scope=Scope.MAIN, target=Target.WRITING)
_prompt = partial(Action, scope=Scope.PROMPT, palette=False)
_reading = partial(Action, scope=Scope.MAIN, target=Target.READING, needs=CONVERSATION)
_transcript = partial(Action, scope=Scope.TRANSCRIPT, needs=Needs.CONVERSATION)

CONVERSATIONS = (
    _conversations(
        "conversation.new", "New conversation", "ctrl+n,leader n",
        "Start a new conversation (unsent text stays as a draft)",
        "start_new", hint="new", focus=SWITCHES, brief="New",
    ),
    _conversations(
        "conversation.search", "Search everything", "ctrl+r,leader s,f3",
        "Find any message or title as you type, and open it",
        "search", hint="search", focus=Focus.LEAVES, brief="Search",
    ),
    _conversations(
        "history.ask", "Ask your history", "alt+h,leader J",
        "Ask about what you said before: shows what it finds, then a model answers with quotes that open the messages",
        "ask_history", focus=Focus.LEAVES, brief="Ask history",
    ),
    _conversations(
        "conversation.related", "Related conversations", "leader B", "List conversations about the same as this one",
        "show_related", needs=CONVERSATION, focus=Focus.LEAVES, brief="Related",
    ),
    _layout(
        "conversation.open", "Conversations", "ctrl+o,leader l", "Go to the list of conversations",
        "focus_list", hint="list", needs=Needs.STORE, focus=Focus.LEAVES,
    ),
    _conversations(
        "conversation.next", "Next conversation", "alt+down,leader right_square_bracket",
        "Open the next conversation in the list", "open_next", needs=CONVERSATION, focus=SWITCHES, brief="Next",
    ),
    _conversations(
        "conversation.previous", "Previous conversation", "alt+up,leader left_square_bracket",
        "Open the previous conversation in the list", "open_previous", focus=SWITCHES, brief="Previous",
    ),
    _conversations(
        "conversation.rename", "Rename", "leader r,f2", "Rename this conversation",
        "rename", needs=CONVERSATION, focus=Focus.LEAVES,
    ),
    _conversations(
        "conversation.settings", "Conversation settings", "leader p,f4", "Set the system prompt and parameters",
        "edit_settings", focus=Focus.LEAVES, brief="System prompt",
    ),
    _conversations(
        "conversation.delete", "Delete conversation", "leader d,f8", "Delete this conversation (can be undone)",
        "delete", needs=CONVERSATION, brief="Delete",
    ),
    _conversations(
        "conversation.undo", "Undo", "ctrl+underscore,leader u",
        "Undo the last deletion, edit, new reply, fork, pin, archiving, tagging, setting or removed attachment",
        "undo_delete",
    ),
    _conversations(
        "conversation.clear", "Delete all conversations", "leader D,shift+f8",
        "Delete all conversations (asks you to confirm)",
        "delete_all", focus=Focus.LEAVES, brief="Delete all",
    ),
    _conversations(
        "conversation.before", "Earlier similar question", "leader b,shift+f3", "Open the earlier similar question",
        "open_earlier_question", focus=SWITCHES, brief="Asked before",
    ),
    _conversations(
        "conversation.private", "Sync on or off", "leader L,shift+f4", "Toggle sync for this conversation",
        "toggle_private", needs=CONVERSATION, focus=Focus.LEAVES,
    ),
    _labels(
        "conversation.pin", "Pin or unpin", "alt+p,leader P",
        "Pin this conversation to the top of the list, or unpin it",
        "toggle_pin",
    ),
    _labels(
        "conversation.archive", "Archive or unarchive", "alt+a,leader a",
        "Archive this conversation, or put it back into the list", "toggle_archive", brief="Archive",
    ),
    _labels(
        "conversation.tag", "Tags", "alt+t,leader number_sign", "Choose the tags of this conversation",
        "edit_tags", focus=Focus.LEAVES,
    ),
    _conversations(
        "conversation.split", "Read beside", "ctrl+backslash,leader vertical_line",
        "Read this conversation, or the one selected in the list, beside another; again: close it", "toggle_split",
    ),
    _conversations(
        "conversation.export", "Export", "leader x", "Write this conversation to a file, in one of several formats",
        "export_open", target=Target.EXPORT, needs=CONVERSATION, focus=Focus.LEAVES,
    ),
    _conversations(
        "conversation.resume", "Copy its command", "leader Y",
        "Copy the command that opens this conversation in the program that it was gathered from",
        "copy_command_of_open", target=Target.EXPORT, needs=CONVERSATION,
        brief="Resume",
    ),
)  # fmt: skip

WRITING = (
    _prompt("prompt.send", "Send", "enter", "Send the prompt", "send", hint="send"),
    _prompt(
        "prompt.newline", "New line", "shift+enter,alt+enter,ctrl+j",
        "Start a new line (so does a backslash before enter)", "newline",
    ),
    _layout(
        "prompt.focus", "Write", "i", "Go to the prompt from the list or from the messages",
        "focus_prompt", palette=False, focus=Focus.RETURNS,
    ),
    _prompt(
        "prompt.page_up", "Scroll up", "pageup", "Scroll the messages up while you write",
        "screen.scroll_messages('page_up')",
    ),
    _prompt(
        "prompt.page_down", "Scroll down", "pagedown", "Scroll the messages down while you write",
        "screen.scroll_messages('page_down')",
    ),
    _prompt(
        "prompt.first", "To the first message", "ctrl+home", "Go to the first message while you write",
        "screen.scroll_messages('first')",
    ),
    _prompt(
        "prompt.last", "To the newest message", "ctrl+end", "Go to the newest message while you write",
        "screen.scroll_messages('last')",
    ),
    _prompt(
        "prompt.editor", "Write in your editor", "ctrl+e,leader E", "Edit the prompt in $VISUAL or $EDITOR",
        "screen.edit_prompt", palette=True, brief="Editor",
    ),
    _prompt(
        "prompt.older", "Earlier prompt", "ctrl+up",
        "Show the prompt before this one (what you write is set aside and comes back)", "older",
    ),
    _prompt("prompt.newer", "Later prompt", "ctrl+down", "Show the prompt after this one", "newer"),
    _writing(
        "prompt.history", "Search earlier prompts", "alt+r,leader R",
        "Find a prompt that you sent before and write it again",
        "search_history", needs=Needs.STORE, focus=Focus.LEAVES, brief="Past prompts",
    ),
    _prompt(
        "prompt.unfold", "Unfold a paste", "alt+o,leader U",
        "Show a folded paste as text (so does a click on it)", "unfold",
    ),
    _writing(
        "prompt.take_back", "Take back a waiting message", "alt+q,leader Q",
        "Take the last message that waits for a reply, or for its provider, back into the prompt", "take_back",
        needs=Needs.STORE, hint="take back",
        brief="Take back",
    ),
    _writing(
        "persona.choose", "Choose persona", "alt+i,leader I", "Choose a saved system prompt for this conversation",
        "choose_persona", needs=Needs.STORE, focus=Focus.LEAVES,
    ),
    _writing(
        "snippet.insert", "Insert snippet", "alt+s,leader N", "Insert a saved text at the cursor",
        "insert_snippet", needs=Needs.STORE, focus=Focus.LEAVES,
    ),
    *ATTACHING,
)  # fmt: skip

READING = (
    _conversations(
        "transcript.focus", "Read", "ctrl+g", "Go to the messages to read, select and copy",
        "focus_messages", hint="read", needs=CONVERSATION, focus=Focus.LEAVES,
    ),
    _reading(
        "transcript.find", "Find in this conversation", "ctrl+f,leader f",
        "Find text in this conversation (then n and N go through the matches)", "find", focus=Focus.LEAVES,
        brief="Find here",
    ),
    _reading(
        "transcript.copy_reply", "Copy the last reply", "alt+c,leader y", "Copy the last reply", "copy_last_reply",
        brief="Copy reply",
    ),
    _reading(
        "transcript.next_message", "Down to the next message", "alt+j,leader j",
        "Scroll to the next message while you write", "next_message", brief="Next message",
    ),
    _reading(
        "transcript.previous_message", "Up to the previous message", "alt+k,leader k",
        "Scroll to the previous message while you write", "previous_message", brief="Earlier message",
    ),
    _reading(
        "transcript.code", "Code blocks", "alt+n,leader c",
        "Select the newest code block, to copy, save or edit it", "select_code", focus=Focus.LEAVES,
    ),
    _reading(
        "transcript.link", "Open a link", "alt+l,leader o", "Choose a link and open it", "open_link",
        focus=Focus.LEAVES,
    ),
    _transcript(
        "transcript.down", "Next message", "j,down", "Select the next message",
        "move('down')", palette=False, vim=True,
    ),
    _transcript(
        "transcript.up", "Previous message", "k,up", "Select the previous message",
        "move('up')", palette=False, vim=True,
    ),
    _transcript(
        "transcript.half_page_down", "Half a page down", "ctrl+d", "Scroll half a page down",
        "move('half_page_down')", palette=False,
    ),
    _transcript(
        "transcript.half_page_up", "Half a page up", "ctrl+u", "Scroll half a page up",
        "move('half_page_up')", palette=False,
    ),
    _transcript(
        "transcript.page_down", "A page down", "pagedown,space", "Scroll a page down",
        "move('page_down')", palette=False,
    ),
    _transcript(
        "transcript.page_up", "A page up", "pageup", "Scroll a page up",
        "move('page_up')", palette=False,
    ),
    _transcript(
        "transcript.first", "First message", "g,home", "Go to the beginning of the conversation",
        "move('first')", vim=True,
    ),
    _transcript(
        "transcript.last", "Last message", "G,end", "Go to the end of the conversation",
        "move('last')", vim=True,
    ),
    _transcript(
        "transcript.copy", "Copy message", "c", "Copy the selected message or text",
        "copy_message", hint="copy",
    ),
    _transcript(
        "transcript.copy_code", "Copy code block", "y",
        "Copy a code block of the selected message (again: the next one)", "copy_code_block", hint="copy code",
    ),
    _transcript(
        "transcript.next_code", "Next code block", "right_square_bracket", "Select the next code block",
        "code(1)", palette=False,
    ),
    _transcript(
        "transcript.previous_code", "Previous code block", "left_square_bracket", "Select the previous code block",
        "code(-1)", palette=False,
    ),
    _transcript(
        "transcript.save_code", "Save code block", "s", "Save the selected code block to a file (asks where)",
        "use_code('save')", focus=Focus.LEAVES,
    ),
    _transcript(
        "transcript.edit_code", "Open code block in editor", "E", "Open the selected code block in $EDITOR",
        "use_code('edit')",
    ),
    _transcript(
        "transcript.links", "Links of the message", "l", "Open a link of the selected message", "links",
        focus=Focus.LEAVES,
    ),
    _transcript(
        "transcript.reasoning", "Show or hide reasoning", "enter,o", "Show or hide reasoning and tool calls",
        "toggle_reasoning", vim=True,
    ),
    _transcript(
        "transcript.retry", "Regenerate this reply", "r", "Regenerate the selected reply",
        "retry", hint="retry", palette=False, destroys=True,
    ),
    _transcript(
        "transcript.versions", "Show the next version", "v,right",
        "Show the next version of the selected message", "request('message.next_version')", palette=False,
    ),
    _transcript(
        "transcript.delete", "Delete message", "d", "Delete the selected message (can be undone)",
        "delete", destroys=True,
    ),
    _transcript(
        "transcript.attachments", "Open an attachment", "f,leader O", "Open what is attached to the selected message",
        "attachments", focus=Focus.LEAVES, brief="Open file",
    ),
    _transcript("transcript.next_match", "Next match", "n", "Go to the next search match", "match(1)"),
    _transcript("transcript.previous_match", "Previous match", "N", "Go to the previous search match", "match(-1)"),
    _transcript(
        "transcript.edit", "Edit this message", "e", "Edit the selected message and send it again",
        "request('message.edit')", palette=False, focus=Focus.RETURNS,
    ),
    _transcript(
        "transcript.previous_version", "Show the previous version", "V,left",
        "Show the previous version of the selected message", "request('message.previous_version')",
        palette=False,
    ),
    _transcript(
        "transcript.retry_with", "Regenerate this reply with another model", "R",
        "Add a version of the selected reply by another model", "request('reply.retry_with')", palette=False,
        focus=Focus.LEAVES,
    ),
    _transcript(
        "transcript.compare", "Compare models about this message", "equals_sign",
        "Ask two to four models for versions of the selected reply, or of the reply to the selected message",
        "request('reply.compare')", palette=False, focus=Focus.LEAVES,
    ),
    _transcript(
        "transcript.continue", "Continue this reply", "C", "Continue the selected reply, which was cut or stopped",
        "request('reply.continue')", palette=False, destroys=True,
    ),
    _transcript(
        "transcript.fork", "Fork from this message", "F",
        "Copy this conversation, up to the selected message, into a new one (can be undone)",
        "request('conversation.fork')", palette=False, destroys=True,
    ),
)  # fmt: skip

PROGRAM = (
    _app(
        "app.palette", "Commands", "ctrl+p", "Find any command or conversation by name",
        "command_palette", hint="commands", palette=False, focus=Focus.LEAVES,
    ),
    Action(
        "app.leader", "Leader key", "ctrl+x", "Begin a command of two keys, and show which ones there are",
        "show_leader_keys", Scope.MAIN, palette=False,
    ),
    _app(
        "app.help", "Help", "leader h,leader question_mark,f1", "Find any key, command or topic",
        "open_page('help')", hint="help", focus=Focus.LEAVES,
    ),
    _app("app.theme", "Light or dark", "leader t,shift+f6", "Switch between light and dark", "toggle_dark"),
    _app("app.themes", "Themes", "leader T,shift+f7", "Choose a theme", "change_theme", focus=Focus.LEAVES),
    _layout(
        "app.sync", "Sync", "leader S,shift+f9", "Sync status, sign in and sign out",
        "show_sync", needs=Needs.STORE, focus=Focus.LEAVES,
    ),
    _layout(
        "app.profile", "Account", "leader i,shift+f2", "Account and usage", "show_profile", needs=Needs.STORE,
        focus=Focus.LEAVES,
    ),
    _app(
        "app.settings", "Settings", "leader comma,f9", "Providers, theme and behaviour",
        "open_page('settings')", focus=Focus.LEAVES,
    ),
    _app(
        "app.keys", "Key bindings", "leader K", "Change keys, or choose those of vim or emacs",
        "open_page('keys')", focus=Focus.LEAVES,
    ),
    _app(
        "app.provider", "Add a provider", "leader M", "Connect a model: add its provider",
        "open_page('provider')", focus=Focus.LEAVES,
    ),
    _app(
        "app.import", "Import", "leader H", "Import conversations of other programs",
        "open_page('import')", needs=Needs.STORE, focus=Focus.LEAVES,
    ),
    _app(
        "app.gather", "Gather", "leader W",
        "Follow the histories that coding agents keep on this machine",
        "open_page('gather')", needs=Needs.STORE, focus=Focus.LEAVES, brief="Gather",
    ),
    _app(
        "app.stats", "Statistics", "leader percent_sign", "Use by day, hour, model and source, costs and durations",
        "open_page('stats')", needs=Needs.STORE, focus=Focus.LEAVES,
    ),
    _app("app.screenshot", "Screenshot", "leader w,f12", "Save the screen as an SVG picture", "screenshot"),
    _app(
        "app.suspend", "Suspend", "alt+z,leader z", "Go back to the shell (fg resumes, unsent text is kept)",
        "suspend", priority=True,
    ),
    _app("app.quit", "Quit", "leader q,f10", "Quit (also ctrl+c twice, unsent text is kept)", "quit"),
)  # fmt: skip

SECTIONS: tuple[tuple[str, tuple[Action, ...]], ...] = (
    ("Conversations", CONVERSATIONS),
    ("Replies", REPLIES),
    ("Writing", WRITING),
    ("Reading (when the messages have the focus)", READING),
    ("The list (when it has the focus)", LIST),
    ("Sterna", PROGRAM),
)
"""Headings of the help screen, each with its actions."""

ACTIONS: tuple[Action, ...] = tuple(action for _, actions in SECTIONS for action in actions)
