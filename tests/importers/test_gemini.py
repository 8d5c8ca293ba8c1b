"""Activity of Gemini in Google Takeout: both forms, several languages, and how prompts become conversations."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

import pytest
from memory_tree import MemoryTree, conversations, read_all
from reading import SAMPLES, content, lines, read

from sterna.importers import Attachment, Conversation, Skipped
from sterna.importers.readers.gemini import Gemini
from sterna.importers.readers.gemini.dates import date_of

READER = Gemini()
FOLDER = "Takeout/My Activity/Gemini Apps"


def record(title: str, time: str, reply: str = "", **more: Any) -> dict[str, Any]:
    answered = {"safeHtmlItem": [{"html": reply}]} if reply else {}
    return {"header": "Gemini Apps", "title": title, "time": time, "products": ["Gemini Apps"], **answered, **more}


def cell(body: str, *more: str, header: str = "<p>Gemini Apps<br></p>", caption: str = "") -> str:
    cells = "".join(f'<div class="content-cell mdl-typography--body-1">{each}</div>' for each in (body, *more))
    return (
        '<div class="outer-cell mdl-cell"><div class="mdl-grid">'
        f'<div class="header-cell mdl-cell">{header}</div>{cells}'
        '<div class="content-cell mdl-typography--body-1 mdl-typography--text-right"></div>'
        f'<div class="content-cell mdl-typography--caption"><b>Products:</b>{caption}</div></div></div>'
    )


def page(*cells: str, language: str = "en") -> str:
    styles = "<style>" + ".mdl-grid{}\n" * 9000 + "</style>"
    return (
        f'<html lang="{language}"><head>{styles}</head><body><div class="mdl-grid">{"".join(cells)}</div></body></html>'
    )


def talk(value: Any, name: str = "MyActivity.json") -> list[tuple[str, list[tuple[str, str]]]]:
    return [(each.id, lines(each)) for each in conversations(READER, {name: value})]


def test_both_forms_of_the_sample_have_the_same_ids() -> None:
    (from_html,) = read(SAMPLES / "gemini_takeout" / FOLDER / "My Activity.html", "gemini")
    from_json, skipped = read(SAMPLES / "gemini_takeout" / FOLDER / "MyActivity.json", "gemini")
    assert isinstance(from_html, Conversation)
    assert isinstance(from_json, Conversation)
    assert from_html.id == from_json.id == "abc123"
    assert lines(from_html) == [("user", "How do tides work?"), ("assistant", "The **moon** pulls the sea.")]
    assert lines(from_json) == [
        ("user", "How do tides work?"),
        ("assistant", "The **moon** pulls the sea.\n\n- spring\n- neap"),
        ("user", "and in short?"),
    ]
    assert [each.id for each in from_html.messages] == [each.id for each in from_json.messages[:2]]
    assert from_html.messages[0].created_at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert from_json.metadata == {"url": "https://gemini.google.com/app/abc123"}
    assert isinstance(skipped, Skipped)
    assert "Used an Assistant feature" in skipped.reason


def test_prompts_without_a_link_are_grouped_by_their_day() -> None:
    found = talk(
        [
            record("Prompted c", "2026-03-03T08:00:00Z"),
            record("Prompted b", "2026-03-02T09:00:00.900Z", "<p>B</p>"),
            record("Prompted a", "2026-03-02T09:00:00.100Z"),
            record("Prompted nothing known", "", "<p>N</p>"),
        ]
    )
    assert found == [
        ("day 2026-03-03", [("user", "c")]),
        ("day 2026-03-02", [("user", "a"), ("user", "b"), ("assistant", "B")]),
        ("undated", [("user", "nothing known"), ("assistant", "N")]),
    ]


def test_a_later_export_has_the_same_ids_for_what_was_there() -> None:
    old = [record("Prompted a", "2026-03-02T09:00:00.100Z")]
    new = [record("Prompted b", "2026-03-02T09:00:01Z"), *old]
    (before,) = conversations(READER, {"a.json": old})
    (after,) = conversations(READER, {"a.json": new})
    assert after.id == before.id
    assert after.messages[0] == before.messages[0]


def test_the_word_before_prompts_is_found_in_any_language() -> None:
    asked = [record(f"Kysyit {n}", f"2026-03-02T09:00:0{n}Z", "<p>x</p>") for n in range(3)]
    asked.append(record("Kysyit viimeinen", "2026-03-02T08:00:00Z"))
    ((_, said),) = talk(asked)
    assert [text for who, text in said if who == "user"] == ["viimeinen", "2", "1", "0"]


@pytest.mark.parametrize(
    ("language", "date", "hour"),
    [
        ("en", "Mar 2, 2026, 10:15:00\u202fPM CET", 21),
        ("en-GB", "02/03/2026, 10:15:00 GMT+2", 8),
        ("hr", "2. ožu 2026. 10:15:00 CET", 9),
        ("de", "02.03.2026, 10:15:00 MEZ", 9),
        ("fi", "2.3.2026 klo 10.15.00 UTC+2", 8),
        ("pl", "2 mar 2026, 10:15:00 CET", 9),
        ("ko", "2026. 3. 2. 오후 10:15:00 KST", 13),
        ("zh-CN", "2026年3月2日 10:15:00 GMT+8", 2),
    ],
)
def test_dates_in_languages(language: str, date: str, hour: int) -> None:
    body = f"Upit:\u00a0{html.escape('Is 1 < 2?')}<br>Next line<br>{date}<br><p>Yes.</p>"
    (found,) = conversations(READER, {"a.html": page(cell(body), language=language)})
    assert lines(found) == [("user", "Is 1 < 2?\nNext line"), ("assistant", "Yes.")]
    assert found.created_at == datetime(2026, 3, 2, hour, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "line", ["let us meet at 10:15:00", "2 cups in 2026 at 10:15:00 or so", "", "x" * 500, "10:15:00"]
)
def test_other_lines_are_no_dates(line: str) -> None:
    assert date_of(line, "en") is None


def test_a_date_in_the_header_and_a_reply_in_a_cell_of_its_own() -> None:
    header = "<h3>Gemini Apps</h3><p>Prompted</p><p>Mar 2, 2026, 10:15:00 AM UTC</p>"
    (found,) = conversations(READER, {"a.html": page(cell("<p>Hi</p>", "<p>Ho</p>", header=header))})
    assert lines(found) == [("user", "Hi"), ("assistant", "Ho")]
    assert found.id == "day 2026-03-02"


def test_files_and_pictures_of_the_folder_are_attached() -> None:
    body = (
        'Prompted\u00a0Which bird?<br>1 file attached.<br>-\u00a0<a href="bird-1.png">bird.png</a>'
        '<br>Mar 2, 2026, 10:15:00 AM UTC<br><p>A tern.</p><img src="drawn-2.png">'
    )
    files = {f"{FOLDER}/bird-1.png": b"bird", f"{FOLDER}/drawn-2.png": b"drawn"}
    (found,) = conversations(READER, {f"{FOLDER}/My Activity.html": page(cell(body)), **files})
    assert lines(found) == [("user", "Which bird?"), ("assistant", "A tern.")]
    bird, drawn = found.messages[0].parts[0], found.messages[1].parts[1]
    assert isinstance(bird, Attachment)
    assert (bird.name, content(bird), content(drawn)) == ("bird.png", b"bird", b"drawn")
    subtitles = [{"name": "Attached 1 file."}, {"name": "-  bird.png", "url": "bird-1.png"}]
    asked = record("Prompted Which bird?", "2026-03-02T09:00:00Z", subtitles=subtitles)
    (found,) = conversations(READER, {f"{FOLDER}/MyActivity.json": [asked], **files})
    assert content(found.messages[0].parts[0]) == b"bird"


def test_replies_keep_code_and_tables() -> None:
    reply = (
        '<pre><code class="language-python">a_b = 1 * 2</code></pre>'
        "<table><tr><th>A</th></tr><tr><td>1</td></tr></table><h2>T</h2>"
    )
    ((_, said),) = talk([record("Prompted x", "2026-03-02T09:00:00Z", reply)])
    assert said[1][1] == "```python\na_b = 1 * 2\n```\n\n| A |\n| --- |\n| 1 |\n\n## T"


def test_replies_of_any_shape_are_read() -> None:
    for reply, expected in (("<b>" * 5000 + "deep", "deep"), ("notes.txt", "notes.txt"), ("\ud83d", "?")):
        ((_, said),) = talk([record("Prompted x", "2026-03-02T09:00:00Z", reply)])
        assert said[1][1] == expected
    assert talk(page('<div class="outer-cell">', cell("Prompted\u00a0x<br>1 Mar 2026, 10:15:00 UTC")), "a.html")


def test_activity_of_other_products_is_left_alone() -> None:
    search = {
        "header": "Search",
        "title": "Searched for gemini",
        "time": "2026-03-02T09:00:00Z",
        "products": ["Search"],
    }
    video = cell("Watched\u00a0gemini", header="<p>YouTube</p>")
    assert READER.detect(MemoryTree({"a.json": [search], "b.html": page(video), "c.html": "<html>gemini</html>"})) == []
    mixed = [search, record("Prompted x", "2026-03-02T09:00:00Z")]
    assert len(talk(mixed)) == 1


def test_a_cut_off_file_gives_what_it_has() -> None:
    whole = '[{"header": "Gemini Apps", "title": "Prompted x", "time": "2026-03-02T09:00:00Z"}, {"title": "Pro'
    found = read_all(READER, MemoryTree({"a.json": whole}))
    assert [isinstance(item, Conversation) for item in found] == [True, False]
