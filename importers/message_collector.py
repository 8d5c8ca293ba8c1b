"""Collector of the messages of a tree, which leaves out those that say nothing."""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import dataclass, field

from .parents import reparented
from .records import Message, Part
from .spilled import SpilledList, SpilledMap


@dataclass(slots=True)
class MessageCollector:
    """Messages with content, in the order in which they are added.

    A message that follows one without content follows the parent of that one.
    """

    found: MutableSequence[Message] = field(default_factory=list)
    _parents: dict[str, str | None] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: object) -> MessageCollector:
        """Return an empty list for the messages that are made of these values: in a file if they are in one."""
        return cls(SpilledList()) if isinstance(values, SpilledList | SpilledMap) else cls()

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._parents

    def __len__(self) -> int:
        return len(self._parents)

    def parts(self, message_id: str) -> list[Part]:
        """Return the parts of a message that was added."""
        place = self._places.get(message_id)
        return self.found[place].parts if place is not None else []

    def add(self, message: Message) -> None:
        """Add a message, whose id is new or empty."""
        if message.id:
            self._parents[message.id] = message.parent
        if message.parts or message.reasoning or message.error:
            if message.id:
                self._places[message.id] = len(self.found)
            self.found.append(message)

    def reparented(self) -> MutableSequence[Message]:
        """Return all messages, each with a parent that is among them."""
        nearest = reparented(self._parents, self._places)
        for name, place in self._places.items():
            if self._parents[name] not in (None, nearest[name]):
                message = self.found[place]
                message.parent = nearest[name]
                self.found[place] = message
        return self.found
