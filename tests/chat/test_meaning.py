"""Search by meaning: vectors are made in steps, follow what happens to the messages, and find what words do not."""

from __future__ import annotations

import asyncio
import signal
import sys
from array import array
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from sterna.chat.history_questions import find_passages
from sterna.chat.meaning.builder import AlreadyBuilding, Builder
from sterna.chat.meaning.finder import Finder
from sterna.chat.meaning.ways import one_list, room_for_meaning, way_of
from sterna.providers.embedder import EmbedderError
from sterna.providers.local_embedder import LocalEmbedder
from sterna.providers.text_parts import LONGEST, MOST, parts
from sterna.storage import (
    Hit,
    Meaning,
    MeaningQuery,
    Search,
    Settled,
    Store,
    StoreThread,
    Trash,
    VectorFile,
    vectors_path,
)
from sterna.storage.meaning.fusion import fused
from tests.tiny_model import write_model

TALKS = (
    ("My automobile does not start", "Look at the battery."),
    ("How do I keep the dump safe?", "Copy it."),
    ("How long in the oven?", "Until the dough is brown."),
)


def talk(store: Store, question: str, answer: str) -> str:
    begun = store.live_replies.begin_turn(None, question, model="a/b")
    store.live_replies.settle(begun.reply.id, Settled("done", answer, model="a/b"))
    return begun.session.id


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
async def embedder(folder: Path) -> AsyncIterator[LocalEmbedder]:
    loaded = await LocalEmbedder.load(str(folder))
    yield loaded
    await loaded.aclose()


@pytest.fixture
async def talks(store: StoreThread) -> list[str]:
    return [await store.run(talk, *words) for words in TALKS]


async def build(store: StoreThread, embedder: LocalEmbedder, most: int = 1_000) -> int:
    """Make vectors until all are there, in at most so many steps; return the number of vectors."""
    builder = Builder(store.run, embedder, await store.run(Meaning.path), gently=True)
    try:
        await builder.open()
        for _ in range(most):
            if not await builder.step():
                break
        return await builder.count()
    finally:
        await builder.close()


async def find(store: StoreThread, embedder: LocalEmbedder, text: str, *, limit: int = 9, **how: bool) -> list[Hit]:
    async def loaded() -> LocalEmbedder:
        return embedder

    finder = Finder(store.run, loaded, await store.run(Meaning.path))
    try:
        words = await store.run(Search.search, text)
        return await finder.find(MeaningQuery(text, limit, known=words, **how))
    finally:
        await finder.close()


def snippets(hits: Sequence[Hit]) -> list[str]:
    return [hit.snippet for hit in hits]


@pytest.mark.usefixtures("talks")
async def test_a_paraphrase_is_found_that_has_none_of_the_words(store: StoreThread, embedder: LocalEmbedder) -> None:
    assert await build(store, embedder) == 6
    assert await store.run(Search.search, "vehicle") == []
    (hit,) = await find(store, embedder, "vehicle")
    assert (hit.snippet, hit.role, hit.why) == ("My automobile does not start", "user", "meaning")
    assert hit.similarity == pytest.approx(1, abs=0.01)
    assert snippets(await find(store, embedder, "vehicle role:assistant")) == []
    assert await find(store, embedder, "vehicle in:title") == []


@pytest.mark.usefixtures("talks")
async def test_some_of_the_words_count_where_the_meaning_is_searched_for_too(
    store: StoreThread, embedder: LocalEmbedder
) -> None:
    await build(store, embedder)
    by_why = {hit.snippet.translate({2: "", 3: ""}): hit.why for hit in await find(store, embedder, "vehicle brown")}
    assert by_why == {"Until the dough is brown.": "some words", "My automobile does not start": "meaning"}
    assert snippets(await find(store, embedder, "vehicle brown", also_words=False)) == ["My automobile does not start"]
    both = await find(store, embedder, "automobile vehicle")
    assert [hit.why for hit in both] == ["meaning and words"]


async def test_vectors_follow_what_happens_to_the_messages(
    store: StoreThread, embedder: LocalEmbedder, talks: list[str]
) -> None:
    await build(store, embedder)
    await store.run(set_content, "My automobile does not start", "The gull does not start")
    trashed = await store.run(Trash.delete_conversations, [talks[1]])
    await store.run(set_private, talks[2], True)
    assert snippets(await find(store, embedder, "bread")) == []  # before the vectors are gone
    assert await build(store, embedder) == 2
    assert snippets(await find(store, embedder, "vehicle")) == []
    assert snippets(await find(store, embedder, "seabird")) == ["The gull does not start"]
    assert snippets(await find(store, embedder, "backup")) == []
    assert await store.run(Meaning.scope, "bread", talks[2]) is None  # what is looked for in it stays here, too
    await store.run(undo, trashed.token)
    await store.run(set_private, talks[2], False)
    await store.run(talk, "A gull and a tern", "Yes.")
    assert await build(store, embedder) == 7
    assert set(snippets(await find(store, embedder, "bread"))) == {"Until the dough is brown.", "How long in the oven?"}
    assert set(snippets(await find(store, embedder, "backup"))) == {"How do I keep the dump safe?", "Copy it."}
    assert "A gull and a tern" in snippets(await find(store, embedder, "seabird"))
    (gull, *_) = await find(store, embedder, "seabird")
    trashed = await store.run(Trash.delete_message, gull.message_id)
    assert await build(store, embedder) == 6
    await store.run(undo, trashed.token)
    assert await build(store, embedder) == 7


def set_content(store: Store, old: str, new: str) -> None:
    with store.db.write():
        store.db.execute("update chat_messages set content = ? where content = ?", (new, old))


def set_private(store: Store, session_id: str, on: bool) -> None:
    store.privacy.set_private(session_id, on)


def undo(store: Store, token: int) -> None:
    store.undo.undo(token)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from sterna.chat.history_questions import find_passages
from sterna.chat.meaning.builder import Builder
from sterna.providers.local_embedder import LocalEmbedder
from sterna.storage import Store

async def main(history, model):
    store = Store.open(Path(history))
    async def run(method, *arguments):
        return store.call(method, *arguments)
    builder = Builder(run, await LocalEmbedder.load(model), store.meaning.path(), gently=False)
    await builder.open()
    for _ in range(2):
        await builder.step()
    put = builder._file.put
    def put_and_die(*arguments, **named):
        put(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    builder._file.put = put_and_die
    await builder.step()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_what_a_kill_interrupts_goes_on_where_it_was(
    store: StoreThread, embedder: LocalEmbedder, tmp_path: Path, folder: Path
) -> None:
    history = tmp_path / "account.db"
    for number in range(110):
        await store.run(talk, f"car {number}", f"bread {number}")
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(history), str(folder))
    assert await killed.wait() == -signal.SIGKILL
    file = VectorFile.open(vectors_path(history))
    assert file is not None
    before = file.count()
    file.close()
    assert 0 < before < 220
    first = file.about.name
    assert await build(store, embedder, most=1) > before
    assert await build(store, embedder) == 220
    again = VectorFile.open(vectors_path(history))
    assert again is not None
    assert again.about.name == first  # nothing began anew
    again.close()


@pytest.mark.usefixtures("talks")
async def test_another_model_or_history_or_a_broken_file_begins_anew(
    store: StoreThread, embedder: LocalEmbedder, tmp_path: Path
) -> None:
    await build(store, embedder)
    path = await store.run(Meaning.path)
    other = await LocalEmbedder.load(str(write_model(tmp_path / "other", seed=2, size=12)))
    assert await find(store, other, "vehicle") == []  # not yet
    assert await build(store, other) == 6
    assert snippets(await find(store, other, "vehicle")) == ["My automobile does not start"]
    await other.aclose()
    assert await build(store, embedder) == 6
    await store.run(Meaning.end)  # as in a backup of the history from before
    assert await build(store, embedder) == 6
    path.write_bytes(b"no database" * 1_000)
    assert await find(store, embedder, "vehicle") == []
    assert await build(store, embedder) == 6
    assert len(await find(store, embedder, "vehicle")) == 1
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("talks")
async def test_one_process_makes_the_vectors(store: StoreThread, embedder: LocalEmbedder) -> None:
    path = await store.run(Meaning.path)
    first, second = (Builder(store.run, embedder, path, gently=True) for _ in range(2))
    await first.open()
    with pytest.raises(AlreadyBuilding):
        await second.open()
    await second.close()
    closing = asyncio.ensure_future(first.close())
    await asyncio.sleep(0)
    closing.cancel()  # the program ends meanwhile
    await asyncio.gather(closing, return_exceptions=True)
    assert await build(store, embedder) == 6


@pytest.mark.usefixtures("talks")
async def test_a_model_whose_vectors_change_their_length_is_not_believed(
    store: StoreThread, embedder: LocalEmbedder
) -> None:
    class Changing:
        key, is_remote, size = "changing", True, 4

        async def embed(self, texts: Sequence[str]) -> list[bytes]:
            made = [array("f", [1.0] + [0.0] * (self.size - 1)).tobytes() for _ in texts]
            self.size += 4
            return made

        async def aclose(self) -> None: ...

    builder = Builder(store.run, Changing(), await store.run(Meaning.path), gently=True)
    await builder.open()
    with pytest.raises(EmbedderError, match="another length"):
        await builder.step()
    assert await builder.count() == 0
    await builder.close()


@pytest.mark.usefixtures("talks")
async def test_conversations_of_the_same_meaning_are_related(store: StoreThread, embedder: LocalEmbedder) -> None:
    new = await store.run(talk, "Which vehicle is cheap?", "A bicycle.")
    await build(store, embedder)

    async def unused() -> LocalEmbedder:
        raise AssertionError("the model is not asked")

    finder = Finder(store.run, unused, await store.run(Meaning.path))
    hits = await finder.related(new, 5)
    await finder.close()
    assert hits[0].session_title == "My automobile does not start"
    assert new not in {hit.session_id for hit in hits}


@pytest.mark.usefixtures("talks")
async def test_a_question_to_the_history_gets_passages_of_the_same_meaning(
    store: StoreThread, embedder: LocalEmbedder
) -> None:
    long = "Nothing here. " * 60 + "\n\nThe vehicle is red." + " Nothing there." * 90
    await store.run(talk, "Which colour?", long)
    await build(store, embedder)

    async def meaning(query: MeaningQuery) -> list[Hit]:
        return await find(store, embedder, query.text, limit=query.limit, also_words=False)

    question = "What did I say about driving?"
    assert await find_passages(store, question) == []
    found = {each.text[:20]: each.role for each in await find_passages(store, question, meaning=meaning)}
    assert found == {
        "My automobile does n": "user",
        "Look at the battery.": "assistant",  # the reply to it
        "…The vehicle is red.": "assistant",
    }


def test_parts_cover_a_text_and_are_bounded() -> None:
    text = "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(12))
    found = list(parts(text))
    assert all(text[start : start + len(piece)] == piece and 0 < len(piece) <= LONGEST for start, piece in found)
    assert all(f"Paragraph {number}." in "".join(piece for _, piece in found) for number in range(12))
    assert all(piece.startswith("Paragraph") for _, piece in found)
    assert len(list(parts("x" * 1_000_000))) == MOST
    assert list(parts(" \n ")) == []


def test_ranks_are_fused_and_words_come_first() -> None:
    assert fused("abc", "cbd") == ["c", "b", "a", "d"]
    words = [Hit(f"w{number}", "", "", "user", "", "") for number in range(8)]
    meant = [Hit(f"m{number}", "", "", "user", "", "", why="meaning") for number in range(2)]
    assert room_for_meaning(8, 8) == 2
    assert one_list(words, meant, 8) == [*words[:6], *meant]
    assert one_list(words[:3], meant, 8) == [*words[:3], *meant]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~a question", ("meaning", "a question")),
        ("~/src/app", ("both", "~/src/app")),
        ("~", ("both", "~")),
        ("a ~ b", ("both", "a ~ b")),
    ],
)
def test_a_tilde_asks_for_the_meaning_alone(text: str, expected: tuple[str, str]) -> None:
    assert way_of(text, "both") == expected
    assert way_of(text, "words") == ("words", text)
