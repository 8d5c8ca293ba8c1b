"""Command whose arguments are words, of which some begin with a minus: ``sterna search tern -gull``."""

from __future__ import annotations

import re

import click

_MARK = "\0"
"""Stands before a word that is no option; no argument of a program can contain it."""
_OPTION = re.compile(r"-[a-z](\d*|[0-9a-f]{8,})", re.ASCII)
"""Short option, also with its value: ``-n``, ``-n5``, ``-c1801a9b6``."""


class ExcludingWords(click.Command):
    """Command that takes ``-word`` for a word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        marked = [_MARK + word if _is_word(word) else word for word in args[:end]]
        return super().parse_args(ctx, marked + args[end:])


def plain_words(words: tuple[str, ...]) -> str:
    """Return the words as they were typed."""
    return " ".join(word.removeprefix(_MARK) for word in words)


def _is_word(text: str) -> bool:
    return text[:1] == "-" and text[1:2] not in ("", "-") and _OPTION.fullmatch(text) is None
