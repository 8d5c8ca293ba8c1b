"""Type of an action: its key, its text, and what it needs before it can run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag, StrEnum, auto
from typing import Literal

Move = Literal["down", "up", "half_page_down", "half_page_up", "page_down", "page_up", "first", "last"]
"""Movement of a cursor in the list or in the messages."""


class Scope(StrEnum):
    """Node that has the binding of an action."""

    APP = auto()
    MAIN = auto()
    """The main screen, wherever the focus is on it."""
    PROMPT = auto()
    TRANSCRIPT = auto()
    SIDEBAR = auto()


class Target(Enum):
    """Object that runs an action."""

    NODE = auto()
    """The node of the scope."""
    LAYOUT = auto()
    """The parts of the main screen (``MainLayout``)."""
    CONVERSATIONS = auto()
    """``ConversationActions`` of the main screen."""
    TURNS = auto()
    """``TurnActions`` of the main screen."""
    WRITING = auto()
    """``WritingActions`` of the main screen."""
    READING = auto()
    """``ReadingActions`` of the main screen."""
    LABELS = auto()
    """``LabelActions`` of the main screen."""
    ATTACHMENTS = auto()
    """``PromptAttachments`` of the main screen."""
    EXPORT = auto()
    """``ExportActions`` of the main screen."""
    BRANCHES = auto()
    """``BranchActions`` of the main screen."""
    TOOLS = auto()
    """``ToolActions`` of the main screen."""
    DOWNLOADS = auto()
    """``DownloadActions`` of the main screen."""
    COMPARING = auto()
    """``CompareActions`` of the main screen."""


class Needs(Flag):
    """Precondition of an action."""

    NOTHING = 0
    STORE = auto()
    """The opened history."""
    CONVERSATION = auto()
    """A conversation on the screen that has been stored."""
    REPLY = auto()
    """A reply that is arriving in that conversation."""


class Focus(Flag):
    """Effect of an action on the focus; keys typed right after it wait until the focus has moved."""

    STAYS = 0
    LEAVES = auto()
    """It goes to something that opens."""
    RETURNS = auto()
    """It goes back to the prompt."""
    SWITCHES = auto()
    """The prompt belongs to another conversation once the action is done."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a user can do."""

    id: str
    """Name under ``[keys]`` in config.toml."""
    title: str
    key: str
    """Default keys, separated by commas."""
    help: str
    """Description in the help screen, the palette and the README."""
    run: str
    """Name of the target's method; of a node, its Textual action."""
    scope: Scope
    hint: str = ""
    """Word beside the key in the status line; empty: never shown there."""
    brief: str = ""
    """Title of 15 characters at most, for the panel of the leader key; empty: the title is short enough."""
    palette: bool = True
    """Listed in the command palette."""
    priority: bool = False
    """The key has this meaning even where a field uses it otherwise."""
    target: Target = Target.NODE
    needs: Needs = Needs.NOTHING
    focus: Focus = Focus.STAYS
    destroys: bool = False
    """It destroys something: where its key is a letter, it waits for what is typed next."""
    vim: bool = False
    """The single letters among its keys are vim's, and can be turned off."""

    @property
    def is_letter_move(self) -> bool:
        """True for a movement of the cursor that has a letter among its keys."""
        return self.vim and self.run.startswith("move(")

    @property
    def binding(self) -> str:
        """Textual action for a binding of the node."""
        return self.run if self.target is Target.NODE else f"perform({self.id!r})"
