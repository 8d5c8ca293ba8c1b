"""aider: a Markdown log in the folder of the project, to which each run is added.

aider ends each line of a person, and each of its own notices, with two spaces. A reply may have lines that look the
same apart from that.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

from ..inline import without_thinking
from ..places import project_of
from ..reader import Reader
from ..records import Conversation, Mark, Message, Skipped, Text, ToolCall
from ..times import naive_moment
from ..tree import FileTree
from ..values import amount, count

_START = re.compile(r"# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
_HEAD = re.compile(rb"(?m)^# aider chat started at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s*$")
_MODEL = re.compile(r"(?:Main model|Model): (\S+)")
_TOKENS = re.compile(r"Tokens: ([\d.,]+[kKmM]?) sent.*?, ([\d.,]+[kKmM]?) received")
_COST = re.compile(r"Cost: \$([\d.,]+) message")
_VERSION = re.compile(r"Aider v(\S+)")
_FACTORS = {"k": 1_000, "m": 1_000_000}


class Aider(Reader):
    name = "aider"
    label = "aider"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _HEAD.search(tree.head(path)[:4096])]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        project = project_of(tree, path)
        seen: Counter[str] = Counter()
        last = count(mark)
        with tree.open(path) as file:
            at = file.seek(last)
            started, lines = "", list[str]()
            for raw in file:
                line = raw.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
                if (found := _START.fullmatch(line)) is None:
                    lines.append(line)
                else:
                    yield from _run(started, lines, project, seen)
                    started, lines, last = found[1], [], at
                at += len(raw)
            yield from _run(started, lines, project, seen)
        yield Mark(str(last))  # the last run may go on


def _run(started: str, lines: list[str], project: str, seen: Counter[str]) -> Iterator[Conversation]:
    """Yield the conversation of a run, unless nothing was asked in it."""
    run = _Run(lines)
    first = next((message for message in run.messages if message.role == "user"), None)
    if not started or first is None:
        return
    asked = "".join(part.text for part in first.parts if isinstance(part, Text))
    key = f"{started} {hashlib.sha256(asked.encode('utf-8', 'replace')).hexdigest()[:12]}"
    seen[key] += 1
    yield Conversation(
        id=key if seen[key] == 1 else f"{key} {seen[key]}",
        title=_title(run.messages),
        messages=run.messages,
        created_at=naive_moment(started),
        model=run.model,
        project=project,
        resume="aider --restore-chat-history",
        metadata={"version": run.version} if run.version else {},
    )


def _title(messages: list[Message]) -> str:
    """Return a title for a run that begins with a command such as ``/add``: its first question."""
    asked = [part.text for each in messages if each.role == "user" for part in each.parts if isinstance(part, Text)]
    question = next((text for text in asked if not text.startswith("/")), asked[0])
    return "" if question is asked[0] else question.split("\n", 1)[0]


class _Run:
    """Messages of one run."""

    def __init__(self, lines: list[str]) -> None:
        self.messages: list[Message] = []
        self.model: str | None = None
        self.version = ""
        self._reply: list[str] = []
        self._notices: list[str] = []
        # an editor may have removed the spaces at the ends of all lines
        end = "  " if any(line.startswith("#### ") and line.endswith("  ") for line in lines) else ""
        was_asked = False
        for line in lines:
            is_marked = line.endswith(end)
            if is_marked and (line.startswith("#### ") or line.rstrip() == "####"):
                self._ask(line.removeprefix("####").strip(), goes_on=was_asked)
                was_asked = True
                continue
            was_asked = False
            if is_marked and (line.startswith("> ") or line.rstrip() == ">"):
                self._notice(line.removeprefix(">").strip())
            else:
                self._reply.append(line)
        self._finish()

    def _ask(self, said: str, *, goes_on: bool) -> None:
        if goes_on and isinstance(part := self.messages[-1].parts[0], Text):
            part.text += f"\n{said}"
            return
        self._finish()
        self.messages.append(Message("", "user", [Text(said)]))

    def _notice(self, notice: str) -> None:
        if found := _VERSION.match(notice):
            self.version = found[1]
        if found := _MODEL.match(notice):
            self.model = found[1]
        if (sent := _TOKENS.search(notice)) is not None:
            message = self._finish()
            if message is not None:
                message.input_tokens, message.output_tokens = _number(sent[1]), _number(sent[2])
                cost = _COST.search(notice)
                message.cost = amount(cost[1].replace(",", "")) if cost else None
        elif notice:
            self._notices.append(notice)

    def _finish(self) -> Message | None:
        """Add what was said since the last message; return the last reply."""
        said, thoughts = without_thinking("\n".join(self._reply).strip("\n"))
        notices = "\n".join(self._notices)
        self._reply, self._notices = [], []
        if not self.messages:
            return None  # how it was started
        if said.strip() or thoughts or (notices and self.messages[-1].role == "user"):
            self.messages.append(Message("", "assistant", model=self.model, reasoning=thoughts))
            if said.strip():
                self.messages[-1].parts.append(Text(said))
        last = self.messages[-1]
        if notices:
            last.parts.append(ToolCall("aider", None, notices))
        return last if last.role == "assistant" else None


def _number(value: str) -> int:
    factor = _FACTORS.get(value[-1].lower(), 1)
    return round((amount(value.rstrip("kKmM").replace(",", "")) or 0) * factor)
