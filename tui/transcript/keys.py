"""The keys of the messages, as the list of actions has them."""

from __future__ import annotations

from textual.binding import BindingType

from ..actions.bindings import bindings

BINDINGS: list[BindingType] = bindings("transcript")
