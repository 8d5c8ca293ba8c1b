"""What a person sees of Markdown, as text."""

from __future__ import annotations

from textwrap import dedent

from drawn import PLAIN, frame, rows, styles
from rich.segment import Segment

from sterna.tui import markdown


def shown(source: str, width: int = 40) -> str:
    return frame(markdown.render(dedent(source).strip("\n")), width)


def looks_like(source: str, expected: str, width: int = 40) -> None:
    assert shown(source, width) == (dedent(expected).strip("\n") if expected.startswith("\n") else expected)


def test_paragraphs_wrap_between_words_and_are_a_blank_row_apart() -> None:
    looks_like("The first paragraph wraps.\n\nThe second.", "The first\nparagraph wraps.\n\nThe second.", 16)


def test_a_new_line_in_a_paragraph_stays_a_new_line() -> None:
    looks_like("Roses are red,\nviolets are blue.", "Roses are red,\nviolets are blue.")


def test_emphasis_is_drawn_and_its_marks_are_not() -> None:
    document = markdown.render("a **strong** and *soft* and ~~gone~~ `code`")
    assert frame(document) == "a strong and soft and gone code"
    assert all(style.bold for style in styles(document, "strong"))
    assert all(style.italic for style in styles(document, "soft"))
    assert all(style.strike for style in styles(document, "gone"))


def test_headings_stand_out_without_their_marks() -> None:
    document = markdown.render("# One\n\n## Two\n\n###### Six")
    assert frame(document) == "One\n\nTwo\n\nSix"
    assert all(style.bold for word in ("One", "Two", "Six") for style in styles(document, word))


def test_lists_hang_nest_and_count() -> None:
    looks_like(
        """
        - first thing that is long
          - inner
        - second

        9. nine
        10. ten
        """,
        """
        • first thing that
          is long
          ◦ inner
        • second

         9. nine
        10. ten
        """,
        20,
    )


def test_task_lists_show_boxes() -> None:
    looks_like("- [ ] open\n- [x] closed\n- plain", "☐ open\n☑ closed\n• plain")


def test_quotes_have_a_bar_on_every_row() -> None:
    looks_like("> one two three\n>\n> > four", "▎ one two\n▎ three\n▎\n▎ ▎ four", 11)


def test_rules_span_the_width() -> None:
    looks_like("a\n\n---\n\nb", "a\n\n──────────\n\nb", 10)


def test_code_has_its_language_and_is_folded_not_cut() -> None:
    looks_like("```python\nx = 1234567890\n\ny\n```", " python\n x = 12345\n 67890\n\n y", 11)


def test_folded_code_keeps_its_indentation_and_its_words() -> None:
    looks_like(
        "```\n    return years * 70_000  # there and back\n\tx\n```",
        "     return years *\n     70_000  # there\n     and back\n     x",
        24,
    )
    looks_like("```\n          deep = 'abcdefgh'\n```", "           deep\n        = 'abcd\n        efgh'", 16)


def test_code_of_an_unknown_language_is_plain() -> None:
    looks_like("```klingon-2\nqapla'\n```", " klingon-2\n qapla'")


def test_code_in_a_list_stands_below_its_item() -> None:
    looks_like("1. do\n   ```sh\n   ls\n   ```\n2. done", "1. do\n    sh\n    ls\n2. done")


def test_python_is_coloured() -> None:
    document = markdown.render("```python\nreturn 'text'\n```")
    assert any(style.foreground for style in styles(document, "return"))


def test_a_table_is_aligned() -> None:
    looks_like(
        """
        | Name | Count | Price |
        |:-----|:-----:|------:|
        | Pear | 3     | 1.20  |
        | Fig  | 12    | 10.00 |
        """,
        """
        Name │ Count │ Price
        ─────┼───────┼──────
        Pear │   3   │  1.20
        Fig  │  12   │ 10.00
        """,
    )


def test_a_wide_table_wraps_its_widest_cells_first() -> None:
    looks_like(
        """
        | Key | Meaning |
        |-----|---------|
        | a   | a long explanation of a |
        """,
        """
        Key │ Meaning
        ────┼───────────────
        a   │ a long
            │ explanation of
            │ a
        """,
        20,
    )


def test_a_table_that_cannot_fit_becomes_a_list_of_its_cells() -> None:
    looks_like(
        """
        | Name | Count | Price |
        |------|-------|-------|
        | Pear | three | cheap |
        """,
        """
        Name | Count |
        Price

        Name: Pear
        Count: three
        Price: cheap
        """,
        16,
    )


def test_no_word_of_a_table_is_broken_for_want_of_room() -> None:
    looks_like(
        """
        | Provider | Context | Notes |
        |----------|--------:|-------|
        | OpenRouter | 200,000 | Aggregates many providers |
        """,
        """
        Provider   │ Context │ Notes
        ───────────┼─────────┼──────────────
        OpenRouter │ 200,000 │ Aggregates
                   │         │ many
                   │         │ providers
        """,
        36,
    )
    looks_like(
        """
        | Provider | Context | Notes |
        |----------|--------:|-------|
        | OpenRouter | 200,000 | Aggregates many providers |
        """,
        """
        Provider | Context | Notes

        Provider: OpenRouter
        Context: 200,000
        Notes: Aggregates many
          providers
        """,
        30,
    )


def test_a_links_address_is_shown_when_the_text_is_another() -> None:
    assert shown("[docs](https://example.org/d) and <https://example.org>", 80) == (
        "docs (https://example.org/d) and https://example.org"
    )


def test_only_web_and_mail_addresses_become_terminal_links() -> None:
    document = markdown.render(
        "[a](https://e.org) [b](mailto:x@e.org) [c](app.quit) [d](ftp://e.org) [e](https://ü.org/é)"
    )
    links = {segment.style.link for y in range(document.height(200)) for segment in _segments(document, y)} - {None}
    assert {"https://e.org", "mailto:x@e.org"} <= links
    assert all(link.isascii() and link.startswith(("https:", "mailto:")) for link in links)


def test_a_link_is_never_an_action_of_the_app() -> None:
    document = markdown.render("[@click=app.quit]x[/] [y](javascript:alert(1)) [z](action:quit)")
    assert "[@click=app.quit]x[/]" in frame(document, 80)
    assert all(
        "@click" not in segment.style.meta for y in range(document.height(80)) for segment in _segments(document, y)
    )


def test_console_markup_html_and_images_are_text() -> None:
    looks_like("[bold]x[/bold] <b>y</b> &lt;", "[bold]x[/bold] <b>y</b> <")
    looks_like("![a cat](https://e.org/c.png)", "[image: a cat] (https://e.org/c.png)")


def test_math_is_no_emphasis_and_money_is_not_math() -> None:
    looks_like(r"$a_1 * b_2$ and \(x^2\) cost $5 to $10", "a₁ ∗ b₂ and x² cost $5 to $10")


def test_wide_characters_take_two_cells() -> None:
    assert rows(markdown.render("日本語のテキスト"), 8) == ["日本語の", "テキスト"]


def test_escape_sequences_do_not_come_back_as_entities() -> None:
    assert "\x1b" not in shown("&#27;[31m &#x9b;31m &#x202e;abc")


def test_prose_is_not_set_wider_than_the_eye_can_follow() -> None:
    document = markdown.render("word " * 100 + "\n\n```\n" + "x" * 150 + "\n```")
    longest = max(len(row) for row in rows(document, 200) if "word" in row)
    assert longest <= 104
    assert max(len(row) for row in rows(document, 200)) > 150


def _segments(document: markdown.Document, y: int) -> list[Segment]:
    return [segment for segment in document.strip(200, y, PLAIN) if segment.style is not None]
