"""Output on a terminal."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sterna.cli.reply_stream import Cleaner
from sterna.exporters.json_text import json_line
from sterna.storage import clean

ODD = "ab \r\n\t\x00\x1b\x9b[m\u200d\u200c\u202e\ufe0f👩🏴\U000e0067\U000e007fमक्م\ud83d\udc00"
TRICKY = st.text(st.sampled_from(ODD) | st.characters())


@given(st.lists(TRICKY, max_size=6))
def test_text_in_pieces_comes_out_as_the_whole_would(pieces: list[str]) -> None:
    cleaner = Cleaner()
    assert "".join(map(cleaner.feed, pieces)) + cleaner.finish() == clean("".join(pieces))


@given(st.lists(TRICKY, min_size=1, max_size=6))
def test_no_piece_has_what_a_terminal_obeys(pieces: list[str]) -> None:
    cleaner = Cleaner()
    for given_out in [*map(cleaner.feed, pieces), cleaner.finish()]:
        assert not any((ord(item) < 32 and item not in "\n\t") or 0x7F <= ord(item) < 0xA0 for item in given_out)


@given(TRICKY)
def test_json_escapes_what_a_terminal_obeys_and_says_the_same(text: str) -> None:
    line = json_line({"text": text})
    assert json.loads(line) == json.loads(json.dumps({"text": text}))
    assert not any(ord(item) < 32 or 0x7F <= ord(item) < 0xA0 or item in "\u202e\u200b\u2066" for item in line)
