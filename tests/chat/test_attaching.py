"""Attaching: what is taken, what is refused in a sentence, and what a model is sent."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfWriter

from sterna.chat import Turns, attach, attach_bytes, folder_in, paths_in
from sterna.chat.attachments import inspection
from sterna.chat.attachments.clipboard import clipboard_image
from sterna.chat.attachments.images import fit
from sterna.chat.attachments.sending import load_attached
from sterna.config import Settings
from sterna.providers import Catalog, Done, ImagePart, Model
from sterna.providers.model_traits import Traits
from sterna.storage import (
    Attachment,
    AttachmentFiles,
    Conversations,
    Invalid,
    Message,
    StoreThread,
    attachments_json,
)
from tests.chat.scripted_model import FakeClock, ScriptedModel, until


def picture(size: tuple[int, int] = (40, 20), form: str = "PNG", **options: object) -> bytes:
    target = BytesIO()
    Image.new("RGB", size, "navy").save(target, form, **options)
    return target.getvalue()


def bomb() -> bytes:
    """A PNG of a few kilobytes that claims 40,000 × 40,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100_000)))


def pdf(text: str = "", *, password: str = "") -> bytes:
    """A PDF of one page, with a text if there is one."""
    content = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode() if text else b""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"xref\n0 6\n0000000000 65535 f \n%s" % table
    whole = body + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % body.index(b"xref\n")
    if not password:
        return whole
    writer, target = PdfWriter(clone_from=BytesIO(whole)), BytesIO()
    writer.encrypt(password, algorithm="RC4-128")
    writer.write(target)
    return target.getvalue()


async def attached(store: StoreThread, folder: Path, name: str, content: bytes) -> Attachment:
    (folder / name).write_bytes(content)
    return await attach(store, folder / name)


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("notes.md", "Grüße\n".encode(), "text/plain"),
        ("old.txt", "Grüße\n".encode("cp1252"), "text/plain"),
        ("wide.txt", "Grüße\n".encode("utf-16"), "text/plain"),
        ("no_suffix", b"#!/bin/sh\n", "text/plain"),
        ("a.png", picture(), "image/png"),
        ("a.jpg", picture(form="JPEG"), "image/jpeg"),
        ("a.webp", picture(form="WEBP"), "image/webp"),
        ("a.gif", picture(form="GIF"), "image/gif"),
        ("really-a-png.jpg", picture(), "image/png"),
    ],
)
async def test_text_and_images_are_known_by_their_content(
    store: StoreThread, tmp_path: Path, name: str, content: bytes, media_type: str
) -> None:
    attachment = await attached(store, tmp_path, name, content)
    assert (attachment.name, attachment.media_type, attachment.size) == (name, media_type, len(content))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "is empty"),
        ("song.mp3", b"ID3\x04\x00\x00", "neither text, PDF nor an image"),
        ("text.png", b"no picture\n", "is not an image, although"),
        ("text.pdf", b"no pages\n", "is not a PDF file, although"),
        ("cut.png", picture((400, 400))[:200], "damaged or incomplete"),
        ("cut.jpg", picture((400, 400), "JPEG")[:900], "damaged or incomplete"),
        ("bomb.png", bomb(), "more pixels than can be sent"),
        ("photo.heic", b"\x00\x00\x00\x18ftypheic", "Save it as PNG or JPEG"),
        ("letter.docx", b"PK\x03\x04\x14\x00", "Save it as PDF or as text"),
        ("broken.pdf", b"%PDF-1.7\n\x00rubbish", "damaged, or no PDF"),
        ("scan.pdf", pdf(), "has no text"),
        ("secret.pdf", pdf("secret", password="x"), "protected by a password"),
        ("long.txt", b"x" * (inspection.MAX_TEXT_BYTES + 1), "At most 4.0 MB"),
    ],
)
async def test_what_cannot_be_sent_is_refused_in_a_sentence_and_not_kept(
    store: StoreThread, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        await attached(store, tmp_path, name, content)
    assert str(refused.value).startswith(name)
    assert not list((tmp_path / "account-attachments").iterdir())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: os.mkfifo(path), "not an ordinary file"),
        (lambda path: path.symlink_to("/dev/zero"), "not an ordinary file"),
        (lambda path: None, "There is no file"),
        (lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 60_000_000), "At most 50.0 MB"),
    ],
)
async def test_what_is_no_file_of_a_sensible_size_is_not_read(
    store: StoreThread, tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path / "thing")
    with pytest.raises(Invalid, match=words):
        await attach(store, tmp_path / "thing")


async def test_a_model_is_sent_texts_with_their_names_and_images_as_they_fit(
    store: StoreThread, turns: Turns, model: ScriptedModel, tmp_path: Path
) -> None:
    files = [
        await attached(store, tmp_path, 'say "hi".txt', b"hello"),
        await attached(store, tmp_path, "report.pdf", pdf("Terns fly far")),
        await attached(store, tmp_path, "wide.png", picture((4000, 1000))),
    ]
    begun, reply = await turns.begin(None, "What is this?", attachments=files)
    await until(lambda: model.requests)
    (message,) = model.requests[0].messages
    assert message.content == (
        '<attachment name="say &quot;hi&quot;.txt">\nhello\n</attachment>\n\n'
        '<attachment name="report.pdf">\n[Page 1]\nTerns fly far\n</attachment>\n\nWhat is this?'
    )
    (image,) = message.images
    assert image.media_type == "image/png"
    assert Image.open(BytesIO(image.content)).size == (2048, 512)
    model.say(Done())
    await until(lambda: not reply.running)
    assert begun.user_message.content == "What is this?"


async def test_an_image_is_refused_before_sending_where_the_model_takes_none(
    store: StoreThread, clock: FakeClock, tmp_path: Path
) -> None:
    model = ListedModel()
    catalog = Catalog([], guide=model, default="fake/blind")
    turns = Turns(store, catalog, settings=Settings(), monotonic=clock.monotonic, sleep=clock.sleep)
    image = await attached(store, tmp_path, "a.png", picture())
    await catalog.models()
    with pytest.raises(Invalid, match=r"fake/blind takes no images\. Choose another model, or remove a\.png\."):
        await turns.begin(None, "What is this?", attachments=[image])
    assert await store.run(Conversations.page, 0, 10) == []
    begun, _ = await turns.begin(None, "And you?", model="fake/seeing", attachments=[image])
    await until(lambda: model.requests)
    assert len(model.requests[0].messages[0].images) == 1
    model.say(Done())
    await until(lambda: not turns.running())
    await turns.begin(begun.session.id, "Now you", model="fake/blind")
    await until(lambda: len(model.requests) == 2)
    earlier = model.requests[1].messages[0]
    assert (earlier.images, "[Attachment a.png: an image" in earlier.content) == ((), True)
    await turns.close()


class ListedModel(ScriptedModel):
    """Provider that says which of its models take images."""

    async def models(self) -> list[Model]:
        seeing = Traits(input_modalities=("text", "image"))
        return [
            Model(self.name, "blind", context_length=8_000, traits=Traits(input_modalities=("text",))),
            Model(self.name, "seeing", context_length=8_000, traits=seeing),
        ]


async def test_earlier_files_that_do_not_fit_are_named_in_words(
    store: StoreThread, clock: FakeClock, tmp_path: Path
) -> None:
    model = ListedModel()
    catalog = Catalog([], guide=model, default="fake/seeing")
    await catalog.models()
    turns = Turns(store, catalog, settings=Settings(), monotonic=clock.monotonic, sleep=clock.sleep)
    long = await attached(store, tmp_path, "long.txt", b"tern " * 3_000)
    begun, _ = await turns.begin(None, "first", attachments=[long])
    await until(lambda: model.requests)
    assert "tern tern" in model.requests[0].messages[0].content
    model.say(Done())
    await until(lambda: not turns.running())
    short = await attached(store, tmp_path, "other.txt", b"gull " * 3_000)
    await turns.begin(begun.session.id, "second", attachments=[short])
    await until(lambda: len(model.requests) == 2)
    sent = model.requests[1].messages[0].content
    assert ("[Attachment long.txt: left out" in sent, "gull gull" in sent) == (True, True)
    await turns.close()


def test_a_photo_is_turned_upright_and_does_not_tell_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    content, media_type = fit(picture((40, 20), "JPEG", exif=exif), "image/jpeg", 100)
    image = Image.open(BytesIO(content))
    assert (media_type, image.size, len(image.getexif())) == ("image/jpeg", (20, 40), 0)


def test_an_animation_is_sent_as_its_first_frame() -> None:
    target = BytesIO()
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    content, media_type = fit(target.getvalue(), "image/gif", 100)
    assert media_type == "image/png"
    assert Image.open(BytesIO(content)).convert("RGB").getpixel((0, 0)) == (255, 0, 0)


async def test_bytes_without_a_file_can_be_attached(store: StoreThread) -> None:
    attachment = await attach_bytes(store, "clipboard.png", picture())
    assert (attachment.name, attachment.kind) == ("clipboard.png", "image")


@pytest.fixture
def dropped(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("plain.txt", "with space.txt", "it's.txt", "Grüße (1).txt")]
    for path in paths:
        path.write_text("x")
    return paths


@pytest.mark.parametrize(
    "written",
    [
        lambda paths: " ".join("'" + str(path).replace("'", "'\\''") + "'" for path in paths),
        lambda paths: (
            " ".join(
                "".join(f"\\{character}" if character in " '()" else character for character in str(path))
                for path in paths
            )
            + " "
        ),
        lambda paths: "\r\n".join(path.as_uri() for path in paths),
        lambda paths: "\n".join(map(str, paths)),
        lambda paths: " ".join(f'"{path}"' for path in paths),
    ],
    ids=["quoted", "escaped", "uri list", "lines", "double quotes"],
)
def test_files_dropped_on_a_terminal_are_found_in_the_paste(
    dropped: list[Path], written: Callable[[list[Path]], str]
) -> None:
    assert paths_in(written(dropped)) == dropped


@pytest.mark.parametrize(
    "text", ["hello", "/no/such/file", "/etc/hosts is a file", "/etc", "~", "'/etc/hosts", "file:///no/such", ""]
)
def test_other_pastes_name_no_files(text: str) -> None:
    assert paths_in(text) == []


def test_the_clipboard_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Invalid, match="Install wl-clipboard"):
        clipboard_image({"WAYLAND_DISPLAY": "w"}, "linux")
    with pytest.raises(Invalid, match="cannot be reached from here"):
        clipboard_image({}, "linux")
    tool = tmp_path / "xclip"
    tool.write_text("#!/bin/sh\n[ -e /bin/false ] && exit 1\n")
    tool.chmod(0o700)
    with pytest.raises(Invalid, match="no image in the clipboard"):
        clipboard_image({"DISPLAY": ":0"}, "linux")
    (tmp_path / "picture").write_bytes(picture())
    tool.write_text(f"#!/bin/sh\n/bin/cat {tmp_path}/picture\n")
    assert clipboard_image({"DISPLAY": ":0"}, "linux") == picture()


def test_a_request_has_images_as_data_addresses() -> None:
    from sterna.providers.request_body import content_parts

    assert content_parts("look", (ImagePart("image/png", b"\x01\x02"),)) == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQI="}},
    ]
    assert content_parts("only words", ()) == "only words"


async def test_what_is_attached_counts_for_what_fits_into_a_request(
    store: StoreThread, clock: FakeClock, tmp_path: Path
) -> None:
    model = ListedModel()
    catalog = Catalog([], guide=model, default="fake/seeing")
    await catalog.models()
    turns = Turns(store, catalog, settings=Settings(), monotonic=clock.monotonic, sleep=clock.sleep)
    begun, _ = await turns.begin(None, "tern " * 2_400)
    await until(lambda: model.requests)
    model.say(Done())
    await until(lambda: not turns.running())
    file = await attached(store, tmp_path, "gulls.txt", b"gull " * 3_000)
    await turns.begin(begun.session.id, "second", attachments=[file])
    await until(lambda: len(model.requests) == 2)
    (sent,) = model.requests[1].messages
    assert "gull gull" in sent.content
    assert "tern tern" not in sent.content
    await turns.close()


async def test_a_file_of_another_program_that_no_model_takes_is_named_in_words(tmp_path: Path) -> None:
    files = AttachmentFiles(tmp_path / "account.db")
    voice = Attachment(files.add([b"RIFF\0\0\0\0WAVE"]).id, "voice.wav", "audio/wav", 12)
    metadata = {"attachments": attachments_json([voice])}
    message = Message("m", "c", "user", "?", "2026-01-01T00:00:00.000000Z", metadata=metadata)
    sent = await load_attached(files, [message], budget=1_000, image_side=100, takes_images=True)
    assert sent["m"].text == "[Attachment voice.wav: a file of a kind that models do not take]"


def test_a_folder_dropped_on_a_terminal_is_found_in_the_paste(tmp_path: Path) -> None:
    folder = tmp_path / "my exports"
    folder.mkdir()
    for text in (f"{folder}\n", f"'{folder}'", str(folder).replace(" ", "\\ ")):
        assert folder_in(text) == folder
    for text in (f"{folder} {folder}", "see /tmp", f"{folder}/gone", ""):
        assert folder_in(text) is None


async def test_an_earlier_image_is_named_in_words_to_a_model_that_takes_none_also_before_its_list_is_known(
    store: StoreThread, clock: FakeClock, tmp_path: Path
) -> None:
    model = ListedModel()
    catalog = Catalog([], guide=model, default="fake/seeing")
    turns = Turns(store, catalog, settings=Settings(), monotonic=clock.monotonic, sleep=clock.sleep)
    image = await attached(store, tmp_path, "a.png", picture())
    begun, _ = await turns.begin(None, "What is this?", attachments=[image])
    await until(lambda: model.requests)
    model.say(Done())
    await until(lambda: not turns.running())
    later = Turns(
        store,
        Catalog([], guide=model, default="fake/blind"),
        settings=Settings(),
        monotonic=clock.monotonic,
        sleep=clock.sleep,
    )
    await later.begin(begun.session.id, "And now?", model="fake/blind")
    await until(lambda: len(model.requests) == 2)
    assert not any(message.images for message in model.requests[1].messages)
    assert "[Attachment a.png: an image, which this model does not take]" in model.requests[1].messages[0].content
    await turns.close()
    await later.close()
