"""Help screen: every key, command and topic, with a field that filters them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Input

from sterna.providers.guide_topics import TOPICS
from sterna.storage.text import one_line

from ..actions.bindings import key_names, leader_name
from ..actions.registry import SECTIONS
from ..actions.typeahead import typeahead
from ..dialogs.panels import Dialog, Field, Sheet
from ..prompt.slash_commands import rows

KEYS_WIDTH = 30
NARROW = 64
"""Width below which the description stands under its keys."""
NOTE = (
    "Tab moves between the parts. The mouse works everywhere. To send text that starts with a slash, type it twice: //."
)


@dataclass(frozen=True, slots=True)
class HelpLine:
    """Line of the help: what to press or type, and what it does."""

    keys: str
    meaning: str
    words: str = ""
    """Further words by which it is found."""

    def matches(self, words: Sequence[str], heading: str) -> bool:
        """Return whether every word occurs in it or in its heading."""
        text = f"{heading} {self.keys} {self.meaning} {self.words}".casefold()
        return all(word in text for word in words)


class KeyList(Widget):
    """Entries of one section, keys beside or above what they do."""

    DEFAULT_CSS = "KeyList { height: auto; margin: 0 0 1 0; text-wrap: nowrap; }"

    def __init__(self, heading: str, entries: Sequence[HelpLine]) -> None:
        super().__init__()
        self._heading, self._all, self._shown = heading, entries, entries

    def filter(self, words: Sequence[str]) -> bool:
        """Show the entries that match; return whether there are any."""
        self._shown = [entry for entry in self._all if entry.matches(words, self._heading)]
        self.display = bool(self._shown)
        self.refresh(layout=True)
        return bool(self._shown)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines at that width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Return the heading and its entries."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        indent = KEYS_WIDTH if width >= NARROW else 2
        lines = [Content.styled(self._heading, "bold $primary")]
        for entry in self._shown:
            wrapped = [
                line
                for paragraph in entry.meaning.splitlines()
                for line in wrap(paragraph, max(8, width - indent)) or [""]
            ]
            if indent < KEYS_WIDTH or len(entry.keys) >= indent:
                lines.append(Content.styled(entry.keys, "$primary"))
            else:
                first = wrapped.pop(0) if wrapped else ""
                lines.append(Content.assemble((entry.keys.ljust(indent), "$primary"), first))
            lines += [Content(" " * indent + line) for line in wrapped]
        return lines


def slash_rows() -> list[tuple[str, str]]:
    """Return each command of the prompt, with all its names."""
    return rows()


def key_sections(keymap: Mapping[str, str]) -> list[tuple[str, list[HelpLine]]]:
    """Return the headings of the keys, each with its entries as they are remapped now."""
    leader = leader_name(keymap)
    return [
        (
            heading,
            [
                HelpLine(
                    key_names(keymap.get(action.id, action.key), leader), action.help, f"{action.title} {action.id}"
                )
                for action in actions
            ],
        )
        for heading, actions in SECTIONS
    ]


def topic_entries() -> list[HelpLine]:
    """Return the topics of the built-in guide as plain text."""
    plain = str.maketrans("", "", "`*")
    return [
        HelpLine(topic.title, topic.text.replace("```sh", "").replace("```toml", "").translate(plain).strip(),
              " ".join(sorted(topic.words)))
        for topic in TOPICS
    ]  # fmt: skip


class HelpScreen(Dialog[None]):
    """Keys as they are remapped now, commands of the prompt, and topics."""

    BINDINGS = [
        Binding("escape,f1", "dismiss", "Close"),
        Binding("down", "scroll_by(1)", show=False),
        Binding("up", "scroll_by(-1)", show=False),
        Binding("pagedown", "scroll_page(1)", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("ctrl+home", "scroll_by(-9999)", show=False, priority=True),
        Binding("ctrl+end", "scroll_by(9999)", show=False, priority=True),
    ]

    AUTO_FOCUS = ""  # the field takes the focus once what was typed ahead is there

    field = query_one(Field)
    page = query_one("#help-page", VerticalScroll)

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """Compose the field, and the sections on a page that scrolls."""
        with Sheet("Help", keys="↑ ↓ scroll   esc close"):
            yield Field("Search", placeholder="keys, commands and topics")
            with VerticalScroll(id="help-page", can_focus=False):
                for heading, entries in key_sections(self._keymap):
                    yield KeyList(heading, entries)
                yield KeyList("Commands in the prompt", [HelpLine(*row) for row in slash_rows()])
                yield KeyList("Topics", topic_entries())
                yield KeyList("Good to know", [HelpLine("", NOTE)])

    def on_mount(self) -> None:
        """Focus the field and put into it what was typed before it was there."""
        typeahead(self.app).focus(self.field)

    def on_key(self, event: events.Key) -> None:
        """Hold keys back until the field has the focus."""
        if self.focused is None:
            typeahead(self.app).keep(event)

    @on(Input.Changed)
    def filter(self, event: Input.Changed) -> None:
        """Show what matches, from its beginning."""
        words = event.value.casefold().split()
        found = [section.filter(words) for section in self.query(KeyList)]
        self.field.border_subtitle = Content("" if any(found) else f"nothing about “{one_line(event.value, 20)}”")
        self.page.scroll_home(animate=False)

    def action_scroll_by(self, lines: int) -> None:
        """Scroll the page."""
        self.page.scroll_relative(y=lines, animate=False)

    def action_scroll_page(self, pages: int) -> None:
        """Scroll the page by what fits on it."""
        self.action_scroll_by(pages * max(1, self.page.scrollable_content_region.height - 1))
