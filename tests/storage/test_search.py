"""Search as one types, over titles and messages."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from builders import exchange, in_memory
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage import Attachment, Settled, Store
from sterna.storage.conversations import search
from sterna.storage.conversations.search_query import parse_query
from tests.generated import examples


def found(store: Store, text: str, **options: object) -> list[str]:
    return [hit.snippet for hit in store.search.search(text, **options)]  # type: ignore[arg-type]


def sound(store: Store) -> None:
    """The index says what the tables say."""
    for index in ("message_search", "title_search"):
        store.db.execute(f"insert into {index} ({index}, rank) values ('integrity-check', 1)")


def test_what_was_said_is_found_while_the_word_is_still_being_typed(store: Store) -> None:
    store.conversations.rename(
        exchange(store, "Which lighthouse is oldest?", "Near Coruña, the Tower of Hercules").session_id, "T"
    )
    word = "lighthouse"
    for length in range(1, len(word) + 1):
        assert found(store, word[:length]) == ["Which \x02lighthouse\x03 is oldest?"], word[:length]
    assert found(store, "lighthouses") == []
    assert found(store, "lighth ") == []
    assert found(store, "light oldest") == []
    assert found(store, "oldest light") == ["Which \x02lighthouse\x03 is \x02oldest\x03?"]


def test_case_and_accents_do_not_matter(store: Store) -> None:
    store.conversations.rename(exchange(store, "hello", "Crème brûlée in CORUÑA, Ærø, Straße").session_id, "T")
    for text in ("creme", "CRÈME BRUL", "coruna", "Coruñ", "brulee cor", "straß", "cre\u0300me"):
        assert len(found(store, text)) == 1, text


def test_titles_come_first_then_the_newest_messages(store: Store) -> None:
    first = exchange(store, "about whales").session_id
    exchange(store, "whales again", session_id=first)
    second = exchange(store, "nothing").session_id
    store.conversations.rename(second, "Whales and ships")
    hits = store.search.search("whales")
    assert [(hit.session_id, hit.message_id is None, hit.role) for hit in hits] == [
        (second, True, None),
        (first, True, None),
        (first, False, "user"),
        (first, False, "user"),
    ]
    assert hits[0].snippet == "\x02Whales\x03 and ships"
    assert [hit.snippet for hit in hits[2:]] == ["\x02whales\x03 again", "about \x02whales\x03"]
    assert [hit.session_title for hit in hits] == ["Whales and ships", "about whales", "about whales", "about whales"]
    assert len(store.search.search("whales", limit=2)) == 2
    assert found(store, "whales", session_id=second) == []
    assert found(store, "whal", session_id=first) == ["\x02whales\x03 again", "about \x02whales\x03"]


def test_messages_are_found_by_the_names_of_their_attachments(store: Store) -> None:
    def ask(text: str, name: str) -> str:
        files = (Attachment(f"{len(name):064}", name, "text/plain", 3),)
        begun = store.live_replies.begin_turn(None, text, model=None, attachments=files)
        store.live_replies.settle(begun.reply.id, Settled("done", "Yes."))
        return begun.session.id

    first, second = ask("Sum it up", "Über tides 2026.pdf"), ask("tides again", "tides.csv")
    assert [hit.session_id for hit in store.search.search("uber tid")] == [first]
    hits = store.search.search("tides")
    assert [(hit.session_id, hit.is_attachment) for hit in hits if hit.message_id] == [(second, True), (first, True)]
    assert found(store, "tides", session_id=first) == ["Über \x02tides\x03 2026.pdf"]
    assert found(store, ".pdf") == ["Über tides 2026\x02.pdf\x03"]
    store.trash.delete_conversation(first)
    assert found(store, "uber tides") == []


def test_a_phrase_in_quotes_is_a_phrase(store: Store) -> None:
    exchange(store, "red green blue")
    assert found(store, '"red green"')
    assert found(store, '"green red"') == []
    assert found(store, '"red gre') != []
    assert found(store, 'blue "red green"')


def test_a_conversation_in_chinese_is_found_by_any_part_of_a_sentence(store: Store) -> None:
    exchange(store, "東京タワーの高さは？", "333メートルです。" * 20)
    assert found(store, "タワー") == ["東京\x02タワー\x03の高さは？", "東京\x02タワー\x03の高さは？"]
    assert found(store, "東京 高さ")[0] == "\x02東京\x03タワーの\x02高さ\x03は？"
    assert found(store, "京都") == []
    exchange(store, "rocket 🚀 science", "C++")
    assert found(store, "🚀")[0] == "rocket \x02🚀\x03 science"
    assert found(store, "rocket 🚀") != []
    assert found(store, "++") == ["C\x02++\x03"]


@pytest.mark.parametrize(
    "text",
    [
        '"',
        '""',
        "AND",
        "OR NOT",
        "a AND",
        "NEAR(a b)",
        "content:x",
        "a*",
        "*",
        "^a",
        "-a",
        "(",
        "{a}",
        "'",
        ";--",
        "\0",
        "\ud800",
    ],
)
def test_what_an_index_would_take_for_syntax_is_text(store: Store, text: str) -> None:
    exchange(store, f"we wrote {text} there".replace("\0", ""))
    store.search.search(text)
    store.search.search(text + " wro")
    store.search.search_best(text, 5)


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    opened = in_memory()
    exchange(opened, "Sphinx of black quartz, judge my vow")
    yield opened
    opened.close()


@examples(150)
@given(text=st.text(max_size=40))
def test_any_text_is_a_query(memory: Store, text: str) -> None:
    query = parse_query(text)
    for match in (query.match, query.near):
        if match:
            memory.db.rows("select rowid from message_search where message_search match :match", match=match)
    memory.search.search(text)
    memory.search.search_best(text, 3)


def test_the_long_and_the_short_way_to_a_beginning_find_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.db.write():
        for number in range(12):
            exchange(store, f"international {number}" if number % 3 else "interval crème-international", "intern")
    monkeypatch.setattr(search, "CANDIDATES", 10_000)
    short = [hit.message_id for hit in store.search.search("internat", limit=99)]
    monkeypatch.setattr(search, "CANDIDATES", 2)
    assert [hit.message_id for hit in store.search.search("internat", limit=99)] == short
    assert len([message for message in short if message]) == 12


def test_snippets_show_a_piece_of_a_long_message_without_what_a_terminal_would_obey(store: Store) -> None:
    text = "word " * 500 + "\x1b]0;evil\x07 \x02needle\x03 [/x]\n\nmore " + "word " * 500
    store.conversations.rename(exchange(store, "hello", text).session_id, "T")
    for typed in ("needle", "need", "needl", "needle "):
        (snippet,) = found(store, typed)
        assert "\x02needle\x03" in snippet
        assert len(snippet) < 200
        assert not set(snippet) & {"\x1b", "\x07", "\n"}
        assert snippet.count("\x02") == snippet.count("\x03") == 1


def test_the_index_follows_edits_moves_and_deletes(store: Store) -> None:
    reply = exchange(store, "alpha", "beta")
    sound(store)
    store.messages.edit(reply.id, "gamma")
    store.conversations.rename(reply.session_id, "Delta")
    sound(store)
    assert (found(store, "beta"), found(store, "gamma")) == ([], ["\x02gamma\x03"])
    assert found(store, "delta") == ["\x02Delta\x03"]
    store.db.execute("update chat_messages set role = 'system' where id = ?", (reply.id,))
    assert found(store, "gamma") == []
    store.db.execute("update chat_messages set role = 'assistant' where id = ?", (reply.id,))
    assert found(store, "gamma") == ["\x02gamma\x03"]
    store.trash.delete_message(reply.id)
    assert found(store, "gamma") == []
    sound(store)
    store.db.execute("delete from chat_sessions")
    sound(store)
    assert found(store, "alpha") == found(store, "delta") == []


def test_a_deleted_conversation_vanishes_from_the_results_and_undo_brings_it_back(store: Store) -> None:
    kept = exchange(store, "sea and sand").session_id
    gone = exchange(store, "sea and salt").session_id
    before = store.search.search("sea")
    trashed = store.trash.delete_conversation(gone)
    assert {hit.session_id for hit in store.search.search("sea")} == {kept}
    store.undo.undo(trashed.token)
    assert store.search.search("sea") == before
    sound(store)
    trashed = store.trash.clear_all()
    assert store.search.search("sea") == []
    exchange(store, "sea anew")
    assert found(store, "sea") == ["\x02sea\x03 anew", "\x02sea\x03 anew"]
    store.undo.undo(trashed.token)
    assert {hit.message_id for hit in before} < {hit.message_id for hit in store.search.search("sea")}
    sound(store)


def test_a_question_in_plain_words_finds_what_was_discussed(store: Store) -> None:
    exchange(store, "How do I tune postgres indexes?", "Use explain.")
    exchange(store, "What is for dinner?", "Soup.")
    hits = store.search.search_best("what did we once discuss about postgres indexes", 3)
    assert hits[0].snippet == "How do I tune \x02postgres\x03 \x02indexes\x03?"
    assert store.search.search_best("?!", 3) == []


def test_system_messages_are_not_searched(store: Store) -> None:
    session = store.conversations.create("T")
    store.db.execute(
        "insert into chat_messages (id, session_id, role, content) values ('x', ?, 'system', 'secret recipe')",
        (session.id,),
    )
    assert found(store, "recipe") == []


def test_a_partial_reply_is_found_once_it_is_settled(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    store.live_replies.save(begun.reply.id, "unfinished", "")
    assert found(store, "unfinished") == []
    store.live_replies.settle(begun.reply.id, Settled("failed", "unfinished", error_message="cut"))
    assert found(store, "unfinished") == ["\x02unfinished\x03"]


def test_a_pasted_log_that_repeats_its_words_is_found_without_a_wait(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "lorem ipsum dolor sit amet consectetur\n" * 20_000, model=None)
    began = time.process_time()
    for typed in ("lorem ipsum dolor ", "lorem ips"):
        assert begun.user_message.id in {hit.message_id for hit in store.search.search(typed)}
    (best,) = store.search.search_best("lorem ipsum dolor", 1)
    assert "\x02lorem\x03" in best.snippet or "\x02dolor\x03" in best.snippet
    assert time.process_time() - began < 3, "the square of the matches takes half a minute"


def test_symbols_of_a_word_are_found_as_they_are(store: Store) -> None:
    for text in (
        "C++ has templates",
        "C is older",
        "Cats and clouds",
        "In C# there are properties",
        "the .NET runtime",
        "a net of ropes",
        "git push --force",
        "by force",
        "set $HOME first",
        "my home",
        "read a/b twice",
        "a b",
    ):
        exchange(store, text)
    marked = str.maketrans("", "", "\x02\x03")

    def texts(query: str) -> list[str]:
        return [hit.snippet.translate(marked) for hit in store.search.search(query) if hit.role == "user"]

    assert texts("C++") == texts("c+") == texts("c++ temp") == ["C++ has templates"]
    assert texts("C#") == texts("c# properties ") == ["In C# there are properties"]
    assert texts(".NET") == texts(".ne") == ["the .NET runtime"]
    assert texts("--force") == texts("push --fo") == ["git push --force"]
    assert texts("$HOME") == texts("$ho") == ["set $HOME first"]
    assert texts("a/b") == ["read a/b twice"]
    assert len(texts("c")) == 4
    assert "\x02C++\x03" in found(store, "C++")[1]
    assert [hit.session_title for hit in store.search.search("C#") if hit.message_id is None] == [
        "In C# there are properties"
    ]
