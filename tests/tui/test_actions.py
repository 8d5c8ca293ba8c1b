"""Keys: one list, every action with a key, remapping that never leaves a person without one."""

from __future__ import annotations

import re

import pytest
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.actions import parse
from textual.binding import Binding
from textual.widgets import TextArea

from sterna.tui.actions.action import Action, Scope, Target
from sterna.tui.actions.bindings import BY_ID, NO_KEY, key_names, keymap, keys_table
from sterna.tui.actions.presets import PRESETS
from sterna.tui.actions.registry import ACTIONS, SECTIONS
from sterna.tui.app import SternaApp
from sterna.tui.main.branch_actions import BranchActions
from sterna.tui.main.compare_actions import CompareActions
from sterna.tui.main.conversation_actions import ConversationActions
from sterna.tui.main.download_actions import DownloadActions
from sterna.tui.main.export_actions import ExportActions
from sterna.tui.main.label_actions import LabelActions
from sterna.tui.main.layout import MainLayout
from sterna.tui.main.prompt_attachments import PromptAttachments
from sterna.tui.main.reading_actions import ReadingActions
from sterna.tui.main.screen import MainScreen
from sterna.tui.main.tool_actions import ToolActions
from sterna.tui.main.turn_actions import TurnActions
from sterna.tui.main.writing_actions import WritingActions
from sterna.tui.prompt import Prompt
from sterna.tui.sidebar import Sidebar
from sterna.tui.transcript import Transcript


def test_every_action_has_a_key_a_title_and_a_sentence() -> None:
    for action in ACTIONS:
        assert action.key, action.id
        assert action.title, action.id
        assert action.help[0].isupper(), action.id
        assert not action.help.endswith("."), action.id


def test_ids_are_unique_and_every_action_is_in_one_section() -> None:
    assert len(BY_ID) == len(ACTIONS)
    assert sorted(action.id for _, actions in SECTIONS for action in actions) == sorted(BY_ID)


TARGETS: dict[Target, type] = {
    Target.LAYOUT: MainLayout,
    Target.CONVERSATIONS: ConversationActions,
    Target.TURNS: TurnActions,
    Target.WRITING: WritingActions,
    Target.READING: ReadingActions,
    Target.LABELS: LabelActions,
    Target.ATTACHMENTS: PromptAttachments,
    Target.EXPORT: ExportActions,
    Target.BRANCHES: BranchActions,
    Target.TOOLS: ToolActions,
    Target.COMPARING: CompareActions,
    Target.DOWNLOADS: DownloadActions,
}
NODES: dict[Scope, type] = {
    Scope.APP: SternaApp,
    Scope.MAIN: MainScreen,
    Scope.PROMPT: Prompt,
    Scope.TRANSCRIPT: Transcript,
    Scope.SIDEBAR: Sidebar,
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_a_method_that_runs_it(action: Action) -> None:
    if action.target is not Target.NODE:
        assert callable(getattr(TARGETS[action.target], action.run))
    namespace, name, _ = parse(action.binding)
    node = MainScreen if namespace == "screen" else NODES[action.scope]
    assert callable(getattr(node, f"action_{name}"))


def test_no_two_default_keys_answer_in_the_same_place() -> None:
    _, problems = keymap({action.id: action.key for action in ACTIONS})
    assert problems == []


def is_function_key(key: str) -> bool:
    return re.fullmatch(r"(?:\w+\+)*f\d+", key) is not None


def test_function_keys_and_alt_keys_are_never_the_only_ones() -> None:
    for action in ACTIONS:
        keys = action.key.split(",")
        first = [key for key in keys if not is_function_key(key)]
        assert first, action.id
        assert keys[: len(first)] == first, f"{action.id}: function keys come last"
        if action.scope in ("app", "main"):
            assert any(not key.startswith("alt+") for key in first), f"{action.id}: a Mac types characters with alt"


def test_no_default_key_is_the_same_to_a_terminal_as_another() -> None:
    for action in ACTIONS:
        keys = set(action.key.split(","))
        assert not keys & {"ctrl+h", "ctrl+i", "ctrl+m", "ctrl+left_square_bracket", "alt+left_square_bracket"}, action


TAKEN = {"pageup", "pagedown", "ctrl+home", "ctrl+end", "ctrl+e", "ctrl+x"}
"""Keys that a text area has and the prompt uses otherwise: it shows ten lines, so the pages are the messages; the end
of a line has a key of its own; the leader key still cuts when it is pressed twice."""


def test_no_default_key_is_taken_by_flow_control_a_multiplexer_or_text_editing() -> None:
    editing = {
        key.strip() for binding in TextArea.BINDINGS if isinstance(binding, Binding) for key in binding.key.split(",")
    }
    for action in ACTIONS:
        keys = set(action.key.split(","))
        assert not keys & {"ctrl+s", "ctrl+q", "ctrl+b", "ctrl+a"}, action.id
        assert not any(key.startswith("ctrl+shift") for key in keys), action.id
        if action.scope in ("app", "main", "prompt"):
            assert not keys & (editing - TAKEN), action.id
    while_typing = {key for action in ACTIONS if action.scope in ("app", "main") for key in action.key.split(",")}
    assert {key for key in while_typing if len(key) == 1} == {"i"}, "only a letter that the prompt itself takes"


def test_no_alt_key_is_another_key_to_textual_in_most_terminals() -> None:
    keys = [key for action in ACTIONS for key in action.key.split(",")]
    keys += [key.lstrip("+") for preset in PRESETS.values() for wanted in preset.values() for key in wanted.split(",")]
    letters = {key.removeprefix("alt+") for key in keys if key.startswith("alt+") and len(key) == len("alt+x")}
    assert letters
    assert [letter for letter in letters if f"\x1b{letter}" in ANSI_SEQUENCES_KEYS] == []


def test_two_actions_may_exchange_their_keys() -> None:
    mapping, problems = keymap({"conversation.new": "ctrl+r", "conversation.search": "ctrl+n"})
    assert mapping == {"conversation.new": "ctrl+r", "conversation.search": "ctrl+n"}
    assert problems == []


def test_a_key_that_is_taken_is_refused_in_a_sentence_and_the_old_one_stays() -> None:
    mapping, problems = keymap({"conversation.new": "ctrl+p"})
    assert mapping == {}
    assert problems == [
        "[keys]: ctrl+p already belongs to “app.palette”, so “conversation.new” keeps ctrl+n, ctrl+x n."
    ]


def test_an_unknown_action_is_named_with_the_nearest_one() -> None:
    _, problems = keymap({"conversation.nwe": "ctrl+e"})
    assert problems == ["[keys]: unknown action “conversation.nwe”. Did you mean “conversation.new”?"]


def test_an_empty_key_takes_the_key_away() -> None:
    mapping, problems = keymap({"app.screenshot": "", "app.themes": ""})
    assert mapping == {"app.screenshot": NO_KEY, "app.themes": NO_KEY}
    assert problems == []
    assert key_names(mapping["app.themes"]) == "no key"


def test_without_vim_the_lists_move_by_arrows_only() -> None:
    mapping, _ = keymap({}, vim=False)
    assert mapping["sidebar.next"] == "down"
    assert mapping["transcript.last"] == "end"
    assert "transcript.copy" not in mapping


def test_enter_can_start_a_line_instead_of_sending() -> None:
    mapping, problems = keymap({}, enter_sends=False)
    assert mapping["prompt.send"].split(",")[0] == "ctrl+j"
    assert "enter" in mapping["prompt.newline"].split(",")
    assert problems == []


def test_the_table_for_the_readme_names_every_action_and_key() -> None:
    table = keys_table()
    for action in ACTIONS:
        assert f"`{action.id}`" in table
        assert action.help in table
    assert "`ctrl+_`" in table
