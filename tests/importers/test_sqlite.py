"""SQLite files of other programs, while these programs use them or after they died."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import takewhile
from pathlib import Path

import pytest

from sterna.importers import Conversation, Skipped
from sterna.importers.files import open_tree
from sterna.importers.registry import find
from sterna.importers.sqlite import databases, each_row, open_database, rows, table_columns


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "theirs").mkdir()
    return tmp_path / "theirs" / "a.db"


def writer(path: Path, mode: str = "wal") -> sqlite3.Connection:
    """Return the connection of a program that has the database open, with one note in it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"pragma journal_mode={mode}")
    connection.execute("pragma synchronous=off")
    connection.execute("create table note (id integer primary key, body)")
    connection.execute("insert into note (body) values ('one')")
    return connection


def bodies(path: Path) -> list[object]:
    """Return the notes as a reader sees them, and check that nothing changed in the folder."""
    before = files(path.parent)
    with open_database(open_tree(path.parent), path.name, busy_seconds=0.01) as database:
        found = [row["body"] for row in rows(database, "note", order_by="id")]
    assert files(path.parent) == before
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith("-shm")} | {
        file.name: b"" for file in folder.glob("*-shm")
    }


def copied(path: Path, folder: Path, *ends: str) -> Path:
    folder.mkdir()
    for end in ("", *ends):
        shutil.copyfile(f"{path}{end}", folder / f"a.db{end}")
    return folder / "a.db"


def test_notes_of_a_program_that_is_running_are_seen(path: Path) -> None:
    with closing(writer(path)) as theirs:
        assert bodies(path) == ["one"]
        theirs.execute("begin immediate")
        theirs.execute("insert into note (body) values ('unfinished')")
        assert bodies(path) == ["one"]
        theirs.execute("commit")
        assert bodies(path) == ["one", "unfinished"]
        theirs.execute("pragma wal_checkpoint(truncate)")
        assert bodies(path) == ["one", "unfinished"]
    assert bodies(path) == ["one", "unfinished"]
    assert os.listdir(path.parent) == ["a.db"]


def test_a_program_can_write_and_truncate_its_log_while_an_item_is_yielded(path: Path) -> None:
    with closing(writer(path)) as theirs, open_database(open_tree(path.parent), path.name) as database:
        assert len(rows(database, "note")) == 1
        theirs.execute("insert into note (body) values ('two')")
        assert theirs.execute("pragma wal_checkpoint(truncate)").fetchone()[0] == 0
        assert len(rows(database, "note")) == 2


@pytest.mark.parametrize("ends", [("-wal",), ("-wal", "-shm"), ()])
def test_a_database_is_read_with_what_lies_beside_it(path: Path, tmp_path: Path, ends: tuple[str, ...]) -> None:
    """The log of a program that died, or was copied, with and without its index."""
    with closing(writer(path)) as theirs:
        theirs.execute("pragma wal_checkpoint(truncate)")
        theirs.execute("insert into note (body) values ('in the log')")
        copy = copied(path, tmp_path / "copy", *ends)
    assert bodies(copy) == (["one", "in the log"] if ends else ["one"])


def test_an_empty_log_or_an_index_alone_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    writer(path).close()
    for end in ("-wal", "-shm"):
        copy = copied(path, tmp_path / end)
        copy.with_name(f"a.db{end}").touch()
        assert bodies(copy) == ["one"]


def test_a_log_that_ends_in_the_middle_of_a_page_is_read_up_to_there(path: Path, tmp_path: Path) -> None:
    with closing(writer(path)) as theirs:
        theirs.execute("pragma wal_checkpoint(truncate)")
        theirs.execute("insert into note (body) values ('two')")
        theirs.execute("insert into note (body) values ('three')")
        copy = copied(path, tmp_path / "copy", "-wal")
    log = copy.with_name("a.db-wal")
    log.write_bytes(log.read_bytes()[:-100])
    assert bodies(copy) == ["one", "two"]


def test_a_transaction_in_which_a_program_died_is_not_seen(path: Path) -> None:
    script = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('pragma synchronous=off')\n"
        "c.execute('create table note (id integer primary key, body)')\n"
        "c.executemany('insert into note (body) values (?)', [('old' * 300,)] * 50)\n"
        "c.execute('pragma cache_size = 2')\n"
        "c.execute('begin')\n"
        "c.execute(\"update note set body = 'half ' || body\")\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.with_name("a.db-journal").stat().st_size
    assert bodies(path) == ["old" * 300] * 50


def test_a_writer_without_a_log_is_waited_for_and_named(path: Path) -> None:
    with closing(writer(path, "delete")) as theirs:
        theirs.execute("begin immediate")
        theirs.execute("insert into note (body) values ('two')")
        assert bodies(path) == ["one"]
        theirs.execute("commit")
        theirs.execute("begin exclusive")
        with pytest.raises(sqlite3.OperationalError, match=r"^a\.db is in use by another program\. Try again later\.$"):
            bodies(path)
        theirs.execute("rollback")
        assert bodies(path) == ["one", "two"]


@pytest.fixture
def as_somebody_else() -> Iterator[None]:
    """Root may write everywhere: be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.mark.parametrize("ends", [(), ("-wal",), ("-wal", "-shm")])
def test_a_folder_that_cannot_be_written_is_read(
    path: Path, ends: tuple[str, ...], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with closing(writer(path)) as theirs:
        theirs.execute("insert into note (body) values ('in the log')")
        if not ends:
            theirs.execute("pragma wal_checkpoint(truncate)")
        folder = tmp_path_factory.mktemp("readable")
        copy = copied(path, folder / "copy", *ends)
    for parent in takewhile(lambda each: each != Path(tempfile.gettempdir()), (folder / "copy" / "file").parents):
        parent.chmod(0o755)
    for file in copy.parent.iterdir():
        file.chmod(0o444)
    copy.parent.chmod(0o555)
    request.getfixturevalue("as_somebody_else")
    assert bodies(copy) == ["one", "in the log"]


def test_a_damaged_page_is_an_error_that_names_the_file(path: Path) -> None:
    with closing(writer(path, "delete")) as theirs:
        theirs.execute("begin")
        theirs.executemany("insert into note (body) values (?)", [("text " * 200,)] * 100)
        theirs.execute("commit")
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * 4096 + content[12288:])
    with pytest.raises(sqlite3.DatabaseError, match=r"^a\.db is damaged: "):
        bodies(path)
    path.write_bytes(content[:6000])
    with pytest.raises(sqlite3.DatabaseError, match=r"^a\.db is damaged: "):
        bodies(path)


def test_rows_before_a_damaged_page_are_read(path: Path) -> None:
    with closing(writer(path, "delete")) as theirs:
        theirs.execute("begin")
        theirs.executemany("insert into note (body) values (?)", [("text " * 200,)] * 100)
        theirs.execute("commit")
        pages = theirs.execute("pragma page_count").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(pages - 5) * 4096 : (pages - 4) * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with open_database(open_tree(path.parent), path.name) as database:
        found = list(each_row(database, "note", lambda row: Conversation(str(row["id"]))))
    assert len(found) > 50
    assert found[0] == Conversation("1")
    assert found[-1] == Skipped("The rest of the table note lies in a damaged part of the database.")


def test_databases_are_found_by_their_tables(path: Path) -> None:
    with closing(writer(path, "delete")) as theirs:
        theirs.execute("create view chat as select id, body from note")
        theirs.execute("create virtual table words using fts5(body)")
    path.with_name("b.db").write_bytes(path.read_bytes()[:100])
    path.with_name("c.txt").write_text("SQLite format 3")
    tree = open_tree(path.parent)
    assert databases(tree, note="id body") == ["a.db"]
    assert databases(tree, note="id title") == databases(tree, chat="id") == []
    assert table_columns(tree, "b.db") == table_columns(tree, "c.txt") == {}


def test_a_database_that_cannot_be_looked_into_is_named(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    with open_tree(path) as tree:
        found = find(tree)
    assert found.units == []
    assert found.problems == ["a.db is damaged: file is not a database."]


def test_text_that_is_no_utf_8_is_read(path: Path) -> None:
    with closing(writer(path, "delete")) as theirs:
        theirs.execute("insert into note (body) values (cast(x'6f6bff' as text))")
    assert bodies(path) == ["one", "ok\N{REPLACEMENT CHARACTER}"]
