"""Reasons why a server cannot be used, as sentences."""

from __future__ import annotations

from sterna.net import classify
from sterna.net.network_errors import causes

from .errors import ToolError
from .plain_text import plain_line

_NETWORK = {
    "certificate": "Its certificate is not trusted.",
    "tls": "No encrypted connection can be made.",
    "name": "No host of this name is known.",
    "refused": "Nothing listens at this address.",
    "timeout": "It does not answer.",
}


def own_sentence(error: BaseException) -> str:
    """Return the sentence of a ToolError among the causes; else nothing."""
    return next((str(cause) for cause in causes(error) if isinstance(cause, ToolError)), "")


def reason_of(error: BaseException, address: str = "") -> str:
    """Return a sentence for what a library raised; ``address`` is that of a server on the network."""
    innermost = error
    while isinstance(innermost, BaseExceptionGroup):
        innermost = innermost.exceptions[0]
    if address:
        sentence = _NETWORK.get(classify(innermost).kind)
        if sentence is not None:
            return sentence
    if type(innermost).__name__ == "ValidationError":
        return "Its answer is not as the protocol says."
    text = plain_line(str(innermost), 300) or type(innermost).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
