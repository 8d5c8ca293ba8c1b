"""Trees of files: folders, archives, and what is wrong with them."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from sterna.importers import files
from sterna.importers.files import open_tree
from sterna.importers.tree import HEAD, FileTree


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def read(tree: FileTree, path: str, size: int = -1) -> bytes:
    with tree.open(path) as file:
        return file.read(size)


def test_a_file_a_folder_and_an_archive_look_alike(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    (folder / "b.txt").write_bytes(b"b")
    archive = tmp_path / "export.data"
    archive.write_bytes(zipped({"inner/a.json": b"\xef\xbb\xbf[1]", "b.txt": b"b"}))
    for path in (folder, archive):
        with open_tree(path) as tree:
            assert list(tree.paths) == ["b.txt", "inner/a.json"]
            assert tree.head("inner/a.json") == b"[1]"
            assert read(tree, "inner/a.json") == b"\xef\xbb\xbf[1]"
            assert tree.size("b.txt") == 1
            assert list(tree.children("inner")) == ["inner/a.json"]
            with tree.local("b.txt") as local:
                assert local.read_bytes() == b"b"
    with open_tree(folder / "b.txt") as tree:
        assert list(tree.paths) == ["b.txt"]


def test_archives_in_archives_are_folders_down_to_a_limit(tmp_path: Path) -> None:
    data = b"end"
    for level in range(6):
        data = zipped({f"{level}.zip" if level else "end.txt": data})
    (tmp_path / "nested.zip").write_bytes(data)
    with open_tree(tmp_path) as tree:
        assert "nested.zip/5.zip/4.zip/3.zip" in tree.paths
        assert not any("3.zip/" in path for path in tree.paths)
        assert tree.problems == [
            "nested.zip/5.zip/4.zip/3.zip lies in 3 archives. Unpack the outer ones and import it."
        ]
        folder = tree._folder
    assert folder is not None
    assert not Path(folder).exists()


def test_names_that_lead_elsewhere_are_only_names(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "/root/x", "C:\\evil\\y", "a/./b", "__MACOSX/._a", "q/._z", "..", "a/../b"]
    (tmp_path / "x.zip").write_bytes(zipped(dict.fromkeys(names, b"d")))
    with open_tree(tmp_path / "x.zip") as tree:
        assert list(tree.paths) == ["C:/evil/y", "a/b", "a/b (2)", "etc/passwd", "root/x"]
        with tree.local("etc/passwd") as local:
            assert tmp_path not in local.parents
            assert "etc" not in str(local)


def test_damaged_and_encrypted_archives_are_named_in_a_sentence(tmp_path: Path) -> None:
    good = zipped({"a.txt": os.urandom(5_000)})
    cut, broken, locked = tmp_path / "cut.zip", tmp_path / "broken.zip", tmp_path / "locked.zip"
    cut.write_bytes(good[:3_000])
    broken.write_bytes(good[:1_000] + b"\xff" * 100 + good[1_100:])
    data = bytearray(zipped({"a.txt": b"secret"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    locked.write_bytes(data)
    with pytest.raises(OSError, match=r"cut\.zip is a damaged zip archive"):
        open_tree(cut)
    with open_tree(broken) as tree, pytest.raises(OSError, match=r"a\.txt is damaged in the archive"):
        read(tree, "a.txt")
    with open_tree(locked) as tree:
        assert tree.head("a.txt") == b""
        with pytest.raises(OSError, match=r"a\.txt is encrypted"):
            tree.open("a.txt")
    with open_tree(tmp_path) as tree:  # one bad archive does not stop a folder
        assert "locked.zip/a.txt" in tree.paths
        assert sorted(tree.problems) == [
            "cut.zip is a damaged zip archive; it may be cut short. Get it again.",
            "locked.zip is encrypted. Unpack it with its password and import the folder.",
        ]


def test_a_bomb_is_never_unpacked_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_COPIED", 1 << 20)
    bomb = zipped({"big.zip": b"PK\x03\x04" + bytes(5 << 20), "big.txt": b" " * (5 << 20)})
    (tmp_path / "bomb.zip").write_bytes(bomb)
    with open_tree(tmp_path / "bomb.zip") as tree:
        assert tree.problems == ["big.zip is too large to be unpacked. Unpack the archive and import the folder."]
        assert len(tree.head("big.txt")) == HEAD
        assert read(tree, "big.txt", 10) == b" " * 10


def test_links_that_lead_back_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file.txt").write_text("x")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with open_tree(tmp_path) as tree:
        assert list(tree.paths) == ["a/file.txt"]
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        open_tree(tmp_path / "gone")
    with pytest.raises(OSError, match="pipe is not an ordinary file"):
        open_tree(tmp_path / "pipe")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_json_in_utf_16_reads_as_utf_8_and_other_files_as_they_are(tmp_path: Path, encoding: str) -> None:
    text = '[{"title": "Kältester 🐧 Ort"}, "%s"]' % ("ü" * 70_000)
    other = "Kälte".encode("utf-16")
    (tmp_path / "a.zip").write_bytes(zipped({"a.json": text.encode(encoding), "b.txt": other}))
    with open_tree(tmp_path / "a.zip") as tree:
        assert tree.head("a.json") == text.encode()[:HEAD]
        assert read(tree, "a.json").removeprefix(b"\xef\xbb\xbf") == text.encode()
        assert read(tree, "b.txt") == other


def test_a_member_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    good = zipped({"a.json": b'["' + os.urandom(2_000).hex().encode() + b'"]'})
    (tmp_path / "a.zip").write_bytes(good[:60] + b"\xff" * 100 + good[160:])
    with open_tree(tmp_path / "a.zip") as tree:
        assert [tree.head("a.json"), tree.head("a.json")] == [b"", b""]
        assert tree.problems == ["a.json is damaged in the archive; it may be cut short. Get it again."]
