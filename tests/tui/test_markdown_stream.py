"""Markdown while it arrives."""

from __future__ import annotations

import time

import pytest
from drawn import PLAIN, frame, rows

from sterna.tui import markdown
from sterna.tui.markdown.stream import close_open_marks

REPLY = """# Sorting

Use **sorted** with a `key`:

```python
def by_value(d):
    return sorted(d.items())
```

1. one
2. two with [a link](https://example.org)

| a | b |
|---|---|
| 1 | 2 |

> done
"""


def live(text: str) -> markdown.Document:
    return markdown.Document(markdown.LiveDocument().update(text))


def test_a_reply_that_grew_looks_like_one_that_came_whole() -> None:
    growing = markdown.LiveDocument()
    for end in range(0, len(REPLY), 3):
        growing.update(REPLY[:end])
    grown = markdown.Document(growing.update(REPLY))
    assert frame(grown) == frame(markdown.render(REPLY))
    assert grown.text == markdown.render(REPLY).text


def test_every_stage_of_a_reply_can_be_drawn_and_shows_no_marks_that_will_vanish() -> None:
    growing = markdown.LiveDocument()
    for end in range(len(REPLY)):
        shown = rows(markdown.Document(growing.update(REPLY[:end])), 30)
        assert not any("**" in row or "```" in row or "](" in row for row in shown), REPLY[:end]


def test_finished_blocks_are_kept_as_they_are() -> None:
    growing = markdown.LiveDocument()
    before = growing.update("One.\n\nTwo.\n\nThr")
    after = growing.update("One.\n\nTwo.\n\nThree and four")
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, True, False]


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        ("```python\nprint(1)", " python\n print(1)"),
        ("```python\nprint(1)\n``", " python\n print(1)"),
        ("some **bol", "some bol"),
        ("some `co", "some co"),
        ("text\n-", "text"),
        ("text\n\n3", "text"),
        ("see [the do", "see the do"),
        ("see [the docs](https://exa", "see the docs"),
        ("2 * 3", "2 * 3"),
    ],
)
def test_what_is_open_at_the_end_is_drawn_as_it_will_be(arrived: str, expected: str) -> None:
    assert frame(live(arrived)) == expected


def test_code_is_left_alone() -> None:
    code = "```c\nint **p = a[0"
    assert close_open_marks(code) == code


def test_a_text_that_changed_at_its_beginning_is_drawn_anew() -> None:
    growing = markdown.LiveDocument()
    growing.update("One.\n\nTwo.\n\nThree")
    assert frame(markdown.Document(growing.update("Zero.\n\nOne"))) == "Zero.\n\nOne"


def test_a_link_defined_earlier_is_known_later() -> None:
    growing = markdown.LiveDocument()
    growing.update("[d]: https://example.org\n\nOne.\n\nTw")
    grown = growing.update("[d]: https://example.org\n\nOne.\n\nTwo [d] ")
    assert "https://example.org" in frame(markdown.Document(grown), 60)


@pytest.mark.parametrize("kind", ["prose", "code"])
def test_five_thousand_tokens_cost_a_fraction_of_their_time(kind: str) -> None:
    line = {"prose": "Some words of **prose** with `code` in it.\n\n", "code": "    value = f(x) + 12  # why\n"}
    text = ("```python\n" if kind == "code" else "") + line[kind] * (20_000 // len(line[kind]))
    growing = markdown.LiveDocument()
    began = time.process_time()
    for end in range(0, len(text), len(text) // 100):  # 25 s, of which every third drawing
        document = markdown.Document(growing.update(text[:end]))
        height = document.height(100)
        for y in range(max(0, height - 50), height):
            document.strip(100, y, PLAIN)
    assert time.process_time() - began < 25 * 0.4 / 3
