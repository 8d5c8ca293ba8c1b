"""Every screen of the program, each reached as a person reaches it, for the frames and for the measured contrast."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fake_tools import LIST, FakeToolbox
from home import frame, until, write
from textual.pilot import Pilot

from sterna.config import EndpointSettings
from sterna.providers import Tool
from sterna.storage import (
    Attachment,
    Branch,
    Conflict,
    ConversationLabels,
    Conversations,
    Drafts,
    LabelChange,
    Tag,
    Version,
)
from sterna.tools import approvals_of
from sterna.tui.app import SternaApp
from sterna.tui.main.welcome import Providers

Scene = Callable[[Pilot[int], SternaApp], Awaitable[None]]

CONFLICT = Conflict(
    id=1,
    at=0,
    kind="m",
    thing="msg_1",
    session_id="conv_1",
    title="Backup plan for photos",
    mine="Three copies, two media, one elsewhere.",
    theirs="Four copies, on three continents, each read back once a year.",
)


FILES = {"notes of a long day.md": 700, "counts.csv": 3}


async def nothing(pilot: Pilot[int], app: SternaApp) -> None:
    """Only the start."""


async def reading(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+g")
    await until(pilot, lambda: app.main.transcript.selected_message is not None)


async def listing(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+o", "j")


async def filtering(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+o", "slash")
    await write(pilot, "boat")
    await until(pilot, lambda: app.main.sidebar.rows.lines.rows == 1)


async def selecting(pilot: Pilot[int], app: SternaApp) -> None:
    """A list with a pinned and a tagged conversation, of which two are selected."""
    store = app.context.store
    first, second, *_ = await store.run(Conversations.ids, 1, 3)
    await store.run(ConversationLabels.change, [first], LabelChange(pinned=True))
    await store.run(ConversationLabels.change, [second], LabelChange(add=("boats", "work")))
    await app.main.sidebar.reload()
    await pilot.press("ctrl+o", "j", "space", "shift+down")
    await until(pilot, lambda: "2 selected" in frame(app))


async def renaming(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("f2")
    await until(pilot, lambda: app.main.sidebar.title.has_focus)


async def beginning(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+n")
    await until(pilot, lambda: app.main.conversation.id is None)


async def searching(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+r")
    await write(pilot, "tern")
    await until(pilot, lambda: "results" in frame(app))


async def helping(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("f1")
    await until(pilot, lambda: "Start a new conversation" in frame(app))


async def setting(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("f9")
    await until(pilot, lambda: bool(app.screen.query("#model")))


async def choosing(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+l")
    await until(pilot, lambda: "200k" in frame(app))


async def leading(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+x")
    await until(pilot, lambda: "n New " in frame(app))


async def finding(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+f")
    await write(pilot, "the")
    await until(pilot, lambda: "matches" in frame(app))


async def using_code(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+x", "c")
    await until(pilot, lambda: "save" in frame(app))


async def editing(pilot: Pilot[int], app: SternaApp) -> None:
    """A message is edited, another version of a reply that was stopped is shown."""
    prompt, reply = app.main.transcript.loaded[-2:]
    assert reply.message is not None
    reply.show_message(reply.message._replace(metadata={"finish": "stopped"}))
    for view in (prompt, reply):
        view.show_version(Version(2, 3, ()))
    await pilot.press("up")
    await until(pilot, lambda: "Edit your message" in frame(app) and "2 of 3" in frame(app))


def _branches(app: SternaApp) -> Any:
    from sterna.tui.pickers.branches import BranchPicker

    prompts = ("And where do they rest, on the ice or on what drifts in the sea?", "日本語で [/b]", "")
    at = "2026-03-14T08:00:00.000000Z"
    branches = [Branch(f"msg_{n}", at, prompt, 4 + 498 * n, n == 1) for n, prompt in enumerate(prompts)]
    return BranchPicker(branches, lambda _: "08:00")


def _comparison(app: SternaApp) -> Any:
    from sterna.chat import Comparison, Reply
    from sterna.storage import Message
    from sterna.tui.comparison.screen import ComparisonScreen

    at = "2026-03-14T08:00:00.000000Z"
    prompt = Message("msg_1", "conv_1", "user", "Where do terns go, and by which way? [b]", at)
    ended = (
        Message("msg_2", "conv_1", "assistant", "To the **Antarctic**.\n\n1. Along Africa\n2. Back over the ocean", at),
        Message("msg_3", "conv_1", "assistant", "", at, error_message="The server is down. Try again in a moment."),
        Message("msg_4", "conv_1", "assistant", "South, where", at, reasoning="Hm.", metadata={"finish": "stopped"}),
    )
    replies = []
    for message, model in zip(ended, ("acme/large", "work/a-model-with-a-long-name-2026", "acme/small"), strict=True):
        reply = Reply(message.id, "conv_1", prompt.id, model, 0.0)
        reply.add(message.content)
        reply.message = message._replace(output_tokens=12, elapsed_ms=1_400)
        reply.close()
        replies.append(reply)
    return ComparisonScreen(
        app.context, Comparison(prompt, replies), replace(app.main.transcript.options, header=False, usage=False)
    )


async def comparing(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+x", "=")
    await until(pilot, lambda: "Mark one to three more" in frame(app) and "[x]" in frame(app))


def _links(app: SternaApp) -> Any:
    from sterna.tui.markdown import Link
    from sterna.tui.pickers.links import LinkPicker

    return LinkPicker([Link("https://example.org/terns?page=2", "Terns"), Link("mailto:me@example.org", "")])


def _save(app: SternaApp) -> Any:
    from sterna.tui.dialogs.save_file import SaveFile

    dialog = SaveFile("Save the code block", "x = 1", "code.py")
    dialog.folder = "/home/me"
    return dialog


async def asking_history(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("alt+h")
    await until(pilot, lambda: app.screen is not app.main)
    await write(pilot, "terns")
    await until(pilot, lambda: "They go to" in " ".join(frame(app).split()))


def _send_passages(app: SternaApp) -> Any:
    from sterna.storage.conversations.quotations import Passage
    from sterna.tui.dialogs.send_passages import SendPassages

    talk = ("How do terns find their way?", "user", "2026-03-14", "How do terns find their way?")
    passages = [Passage("conv_1", "msg_1", *talk), Passage("conv_2", "msg_2", *talk, is_private=True)]
    return SendPassages(passages, "openrouter/acme/large")


def _save_search(app: SternaApp) -> Any:
    from sterna.tui.dialogs.name_search import NameSearch

    async def use(name: str) -> str:
        return name

    return NameSearch("Save this search", "terns role:user after:2025-03", use)


def pressing(key: str, shows: str) -> Scene:
    """Return a scene that one key opens."""

    async def scene(pilot: Pilot[int], app: SternaApp) -> None:
        await pilot.press(key)
        await until(pilot, lambda: shows in frame(app))

    return scene


def pushing(make: Callable[[SternaApp], Any]) -> Scene:
    """Return a scene that shows a dialog which otherwise needs a server."""

    async def scene(pilot: Pilot[int], app: SternaApp) -> None:
        await app.push_screen(make(app))

    return scene


def _sign_in(app: SternaApp) -> Any:
    from sterna.tui.sync.sign_in import SignIn

    settings = SimpleNamespace(server="https://chat.example.org")
    return SignIn(cast(Any, SimpleNamespace(settings=lambda: settings)))


def _choose(app: SternaApp) -> Any:
    from sterna.tui.sync.sign_in import Choose

    ways = [
        ("yes", "Sync", "Your history, and what you write from now on, is sent to chat.example.org and kept there."),
        ("no", "Not now", "You are signed in. Nothing is sent."),
    ]
    return Choose("Sync your history to chat.example.org?", ways)


def _confirm(app: SternaApp) -> Any:
    from sterna.tui.dialogs.confirm import Confirm

    question = "“How do terns find their way?” moves to the trash. You can undo this."
    return Confirm("Delete conversation?", question, "Delete")


def _tags(app: SternaApp) -> Any:
    from sterna.tui.pickers.tags import TagPicker

    return TagPicker([Tag("birds", 12), Tag("boats", 2), Tag("work", 1_200)], [Tag("boats", 2), Tag("work", 1)], 2)


def _tools(app: SternaApp) -> Any:
    from sterna.tui.pickers.tools import ToolPicker

    return ToolPicker(FakeToolbox(approvals_of(Path("/nowhere"))), ["files", "read"])


def _tool_question(app: SternaApp) -> Any:
    from sterna.chat import ToolAsk
    from sterna.tui.dialogs.tool_question import ToolQuestion
    from sterna.tui.services.tool_questions import Question

    arguments = {"path": "/home/me/notes/terns.md", "options": {"lines": 40}}
    tool = Tool("files__read_file", "Read a file, of the folders that the server may see.", {})
    return ToolQuestion(Question(ToolAsk("call_1", "conv_1", "msg_1", tool, arguments)))


def _tool_trial(app: SternaApp) -> Any:
    from sterna.tui.dialogs.tool_trial import ToolTrial

    return ToolTrial(FakeToolbox(approvals_of(Path("/nowhere"))), LIST)


async def asking(pilot: Pilot[int], app: SternaApp) -> None:
    app.main.question_bar.show("read_file of files", "/home/me/notes/terns.md", more=2, key="alt+y")
    await until(pilot, lambda: "Call read_file" in frame(app))


def _export(app: SternaApp) -> Any:
    from sterna.tui.dialogs.export import ExportDialog

    async def preview(form: str) -> str:
        return '---\ntitle: "How do terns find their way?"\nid: "conv_1773479000000_k3f9abcdefgh"\n---\n'

    return ExportDialog(Path("/home/me/2026-03-14-How-do-terns-find-their-way-k3f9abcd.md"), 1, preview)


def _import(app: SternaApp) -> Any:
    from sterna.importers import Skipped
    from sterna.importers.importing import Account, SourceCount
    from sterna.tui.screens.import_page import ImportScreen
    from sterna.tui.services.importing import ImportJob

    job = app.context.import_job = ImportJob(app.context.store, app.context.clock)
    job.phase, job.path, job.run, job.done = "done", Path("/home/me/Downloads/export.zip"), 3, 1.0
    counts = SourceCount("ChatGPT", 1204, new=1180, updated=3, unchanged=20, skipped=1, messages=14_512)
    job.account = Account({"chatgpt": counts, "elia": SourceCount("elia", 2, new=2, messages=9)})
    job.account.skipped.append(("chatgpt", Skipped("“Empty shell” has no messages.", "c7", "conversations-001.json")))
    return ImportScreen(app.context)


def _conflict(app: SternaApp) -> Any:
    from sterna.tui.sync.conflict import ConflictDialog

    return ConflictDialog(CONFLICT)


def _provider(app: SternaApp) -> Any:
    from sterna.tui.screens.provider_dialog import ProviderDialog

    return ProviderDialog(app.context, EndpointSettings("work", "https://api.example.com/v1", label="Work"))


async def binding(pilot: Pilot[int], app: SternaApp) -> None:
    await app.perform("app.keys")
    await until(pilot, lambda: "Start" in frame(app) or "New conversation" in frame(app))


async def splitting(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+backslash")
    if not app.main.has_class("-short"):
        await until(pilot, lambda: "closes" in frame(app))


def _key(app: SternaApp) -> Any:
    from sterna.tui.actions.bindings import BY_ID
    from sterna.tui.screens.key_dialog import KeyDialog

    return KeyDialog(app.context, BY_ID["conversation.new"])


def _provider_new(app: SternaApp) -> Any:
    from sterna.tui.screens.provider_dialog import ProviderDialog

    return ProviderDialog(app.context, None)


async def commanding(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+n")
    await until(pilot, lambda: app.main.conversation.id is None)
    await pilot.press("slash", "t")
    await until(pilot, lambda: "/title" in frame(app))
    await pilot.press("down")


async def waiting(pilot: Pilot[int], app: SternaApp) -> None:
    await write(pilot, "And see this: ")
    await write(pilot, "a log line\n" * 120)
    queued = ["And how do they sleep?", "Compare that with\nalbatrosses, please", "Sum it up", "One more"]
    app.main.queue_bar.show(queued, is_held=True, send_key="enter", take_back_key="alt+q")
    await until(pilot, lambda: "Not sent" in frame(app) and "pasted 120 lines" in frame(app))


def _personas(app: SternaApp) -> Any:
    from sterna.tui.pickers.named import NamedPicker, Row

    rows = [Row("coach", "Asks instead of answering"), Row("reviewer", "Reads code"), Row("", "", "No persona")]
    problem = "editor.toml: temperature has to be a number from 0 to 2."
    return NamedPicker("Persona", rows, current="coach", problems=[problem])


def _persona_variables(app: SternaApp) -> Any:
    from sterna.config import Persona
    from sterna.config.personas import Variable
    from sterna.tui.screens.persona_variables import PersonaVariables

    variables = (Variable("topic", "Which topic?", "chess", ("chess", "go")), Variable("your_name"))
    text = "Coach {{your_name}} in {{topic}}."
    return PersonaVariables(Persona("coach", Path("coach.md"), "", text, variables=variables), app.context.clock())


async def noticing(pilot: Pilot[int], app: SternaApp) -> None:
    for severity in ("information", "warning", "error"):
        app.notify(f"This is {severity}.", severity=cast(Any, severity))
        await until(pilot, lambda: f"This is {severity}." in frame(app))  # noqa: B023
    app.notify("And one more.")
    await until(pilot, lambda: "And one more." in frame(app))


async def attaching(pilot: Pilot[int], app: SternaApp) -> None:
    from sterna.chat import attach_bytes

    store, session_id = app.context.store, app.main.conversation.id
    files = [await attach_bytes(store, name, b"terns " * count) for name, count in FILES.items()]
    await store.run(Drafts.attach, session_id, files)
    await app.main.attachments.open(session_id)
    await until(pilot, lambda: "counts.csv" in frame(app))


def _choose_attachment(app: SternaApp) -> Any:
    from sterna.tui.dialogs.attach import ChooseAttachment

    files = [Attachment(str(count) * 64, name, "text/plain", 6 * count) for name, count in FILES.items()]
    return ChooseAttachment("Open an attachment", files)


async def welcoming(pilot: Pilot[int], app: SternaApp) -> None:
    await beginning(pilot, app)
    app.main.welcome.first = True
    app.main.welcome.providers = Providers("test/small", ("Work",), ("Work refused the key.",))
    await until(pilot, lambda: "Welcome to Sterna." in frame(app))


async def troubling(pilot: Pilot[int], app: SternaApp) -> None:
    await beginning(pilot, app)
    app.main.welcome.trouble = "The file is damaged."
    await until(pilot, lambda: "cannot be opened" in frame(app))


async def counting(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+x", "%")
    await until(pilot, lambda: "in a row now" in frame(app))


DIALOGS: dict[str, Scene] = {
    "confirm": pushing(_confirm),
    "branches": pushing(_branches),
    "clear": pressing("shift+f8", "Delete all 5"),
    "instructions": pressing("f4", "Temperature"),
    "sign_in": pushing(_sign_in),
    "choose": pushing(_choose),
    "conflict": pushing(_conflict),
    "attach": pressing("alt+u", "Attach a file"),
    "attachments": pushing(_choose_attachment),
    "themes": pressing("shift+f7", "sterna-dark"),
    "models": choosing,
    "compare_models": comparing,
    "comparison": pushing(_comparison),
    "search": searching,
    "settings": setting,
    "provider": pushing(_provider),
    "provider_new": pushing(_provider_new),
    "keys": binding,
    "key": pushing(_key),
    "help": helping,
    "personas": pushing(_personas),
    "persona_variables": pushing(_persona_variables),
    "earlier_prompts": pressing("alt+r", "Names for a boat"),
    "sync": pressing("shift+f9", "Sign in"),
    "profile": pressing("shift+f2", "Today"),
    "stats": counting,
    "palette": pressing("ctrl+p", "New conversation"),
    "tags": pushing(_tags),
    "tools": pushing(_tools),
    "tool_question": pushing(_tool_question),
    "tool_trial": pushing(_tool_trial),
    "export": pushing(_export),
    "import": pushing(_import),
    "links": pushing(_links),
    "ask_history": asking_history,
    "send_passages": pushing(_send_passages),
    "save_search": pushing(_save_search),
    "save": pushing(_save),
}
"""Screens that lie over the conversation."""

PARTS: dict[str, Scene] = {
    "conversation": nothing,
    "reading": reading,
    "split": splitting,
    "code": using_code,
    "find": finding,
    "editing": editing,
    "leader": leading,
    "list": listing,
    "filter": filtering,
    "select": selecting,
    "rename": renaming,
    "new": beginning,
    "welcome": welcoming,
    "trouble": troubling,
    "notices": noticing,
    "attaching": attaching,
    "commands": commanding,
    "waiting": waiting,
    "asking": asking,
}
"""Parts of the main screen, each with the focus."""


async def back(pilot: Pilot[int], app: SternaApp) -> None:
    """Return from any of these to the prompt."""
    while app.screen is not app.main:
        app.pop_screen()
        await pilot.pause()
    await pilot.press("escape")
    await app.main.query("#reading").remove()
    app.main.welcome.trouble = None
    app.main.queue_bar.display = False
    app.main.question_bar.hide()
    app.main.prompt.put("")
    app.main.sidebar.filter.value = ""
    app.main.prompt.focus()
    await pilot.pause()
