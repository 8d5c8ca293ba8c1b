"""Intentions of the people: every text they wrote, what it replaced, and what they deleted.

Each text is written once, so wherever it turns up it is known whose it is. A text that replaced another was written by
somebody who saw that other one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Written:
    """One text, of a message or of a title by hand."""

    kind: str
    thing: str
    session_id: str
    text: str
    parent: str | None
    """The text that stood there when it was written."""
    device: str
    skew_ms: int = 0
    """Offset of the device's clock."""


@dataclass(frozen=True)
class Deleted:
    """A conversation or a message that a person deleted, and what they could see of it then."""

    kind: str
    thing: str
    device: str
    seen: frozenset[str]
    """Ids of messages."""


@dataclass
class Ledger:
    """Of one run."""

    written: dict[str, Written] = field(default_factory=dict)
    deleted: list[Deleted] = field(default_factory=list)
    forgotten: list[Deleted] = field(default_factory=list)
    """Deletes that were on a disk that was set back; a request that was late may tell of them all the same."""
    brought_back: set[str] = field(default_factory=set)
    """Ids of conversations and messages that a person wanted back after deleting or hiding them."""
    lost: set[str] = field(default_factory=set)
    """Texts that were nowhere but on a disk that was set back."""
    undated: set[str] = field(default_factory=set)
    """Texts that wait on a disk that was set back, by a clock that was put back: they are older than they seem."""
    overaged: set[str] = field(default_factory=set)
    """Texts that wait on a disk that was set back, by a clock that was put forward: they are younger than they seem."""
    accepted: set[str] = field(default_factory=set)
    """Ids of messages that the server held at some time."""
    hidden: set[str] = field(default_factory=set)
    """Conversations that were private at some time."""
    secrets: set[str] = field(default_factory=set)
    """Texts of conversations that were never shown to anybody."""
    numbers: int = 0

    def text(self, word: str) -> str:
        """A text that was never written before."""
        self.numbers += 1
        return f"{word}-{self.numbers}."

    def wrote(self, written: Written) -> None:
        """Somebody wrote a text."""
        self.written[written.text] = written

    def delete(self, kind: str, thing: str, device: str, seen: frozenset[str], *, private: bool = False) -> None:
        """Note a deletion; nothing of a private conversation is sent, not even that."""
        self.deleted.append(Deleted(kind, thing, device, seen))
        if private:
            self.forgotten.append(self.deleted[-1])

    def is_deleted(self, kind: str, thing: str) -> bool:
        """Return whether somebody deleted it, and nobody restored it."""
        return thing not in self.brought_back and any(
            (one.kind, one.thing) == (kind, thing) for one in self.deleted if one not in self.forgotten
        )

    def leaves(self) -> Iterator[Written]:
        """Texts that nobody replaced."""
        parents = {one.parent for one in self.written.values()}
        return (one for one in self.written.values() if one.text not in parents)

    def names(self, text: str) -> set[str]:
        """Every id that a message with this text has had: what is recovered gets another."""
        one = self.written.get(text)
        return set() if one is None else {one.thing} | (self.names(one.parent) if one.parent is not None else set())

    def since(self, text: str) -> set[str]:
        """Every text that was written over it, and over those."""
        found = {one.text for one in self.written.values() if one.parent == text}
        return found.union(*(self.since(one) for one in found)) if found else found
