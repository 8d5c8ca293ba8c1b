"""Attached files at the server: in pieces, for their owner alone, within a quota, and gone with their messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httpx
import pytest
from accounts import Db, Person, acting_as, client_of

from sterna.sync.wire import ATTACHMENT_PIECE

PATH = "/api/chat/attachments"
BYTES = {"content-type": "application/octet-stream"}
SMALL = b"what the terns said"
LARGE = bytes(range(256)) * (2 * ATTACHMENT_PIECE // 256) + b"end"


def name_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def put(http: httpx.Client, content: bytes, offset: int = 0, **changes: Any) -> httpx.Response:
    values = {"id": name_of(content), "size": len(content), "piece": content[offset : offset + ATTACHMENT_PIECE]}
    values |= changes
    query = {"size": values["size"], "offset": offset}
    return http.put(f"{PATH}/{values['id']}", params=query, content=values["piece"], headers=BYTES)


def upload(http: httpx.Client, content: bytes) -> None:
    for offset in range(0, len(content), ATTACHMENT_PIECE):
        assert put(http, content, offset).status_code == 200


def download(http: httpx.Client, content: bytes) -> bytes:
    got = b""
    while len(got) < len(content):
        answer = http.get(f"{PATH}/{name_of(content)}", params={"offset": len(got)})
        assert (answer.status_code, answer.headers["attachment-size"]) == (200, str(len(content)))
        got += answer.content
    return got


def state(http: httpx.Client, *contents: bytes) -> dict[str, Any]:
    answer = http.post(PATH, json={"ids": [name_of(content) for content in contents]})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def message_with(db: Db, who: Person, content: bytes, message_id: str = "m") -> None:
    attached = {"attachments": [{"id": name_of(content), "name": "a.txt", "type": "text/plain", "size": len(content)}]}
    db.execute("insert into chat_sessions (user_id, id) values (%s, 'c') on conflict do nothing", (who.id,))
    db.execute(
        "insert into chat_messages (user_id, session_id, id, role, content, metadata, has_attachments)"
        " values (%s, 'c', %s, 'user', 'look', %s, true)",
        (who.id, message_id, json.dumps(attached)),
    )


def test_a_file_of_several_pieces_comes_back_as_it_was(ada: Person) -> None:
    upload(ada.http, LARGE)
    assert download(ada.http, LARGE) == LARGE
    assert ada.http.get(f"{PATH}/{name_of(LARGE)}", params={"offset": len(LARGE)}).content == b""
    told = state(ada.http, LARGE, SMALL)
    size = len(LARGE)
    assert told["attachments"] == [{"id": name_of(LARGE), "size": size, "received": size, "complete": True}]
    assert (told["used"], told["piece"]) == (size, ATTACHMENT_PIECE)


def test_an_upload_goes_on_where_it_was_cut_and_repeated_pieces_change_nothing(ada: Person) -> None:
    assert put(ada.http, LARGE).json()["received"] == ATTACHMENT_PIECE
    assert put(ada.http, LARGE).json()["received"] == ATTACHMENT_PIECE
    answer = put(ada.http, LARGE, 2 * ATTACHMENT_PIECE)
    assert (answer.status_code, answer.json()["received"]) == (409, ATTACHMENT_PIECE)
    assert ada.http.get(f"{PATH}/{name_of(LARGE)}").status_code == 404, "half a file is none"
    assert state(ada.http, LARGE)["attachments"][0]["complete"] is False
    upload(ada.http, LARGE)
    assert download(ada.http, LARGE) == LARGE


def test_content_that_does_not_have_its_id_is_not_kept(ada: Person) -> None:
    answer = put(ada.http, SMALL, id=name_of(b"else"))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert state(ada.http, b"else") == state(ada.http, b"else") | {"attachments": [], "used": 0}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"id": "../etc/passwd"}, 404),
        ({"id": "A" * 64}, 400),
        ({"size": 0}, 400),
        ({"size": 50_000_001}, 413),
        ({"size": 3}, 409),
        ({"piece": b""}, 409),
        ({"piece": b"x" * (ATTACHMENT_PIECE + 1), "size": 10**6}, 413),
    ],
)
def test_what_makes_no_sense_is_refused(ada: Person, changes: dict[str, Any], status: int) -> None:
    answer = put(ada.http, SMALL, **changes)
    assert answer.status_code == status, answer.text


def test_a_body_of_another_type_is_refused(ada: Person) -> None:
    answer = ada.http.put(f"{PATH}/{name_of(SMALL)}", params={"size": len(SMALL)}, data={"a": "b"})
    assert answer.status_code == 415


def test_nobody_sees_the_files_of_others(ada: Person, bob: Person, http: httpx.Client, db: Db) -> None:
    upload(ada.http, SMALL)
    message_with(db, ada, SMALL)
    assert bob.http.get(f"{PATH}/{name_of(SMALL)}").status_code == 404
    assert state(bob.http, SMALL)["attachments"] == []
    assert [client.status_code for client in (put(http, SMALL), http.get(f"{PATH}/{name_of(SMALL)}"))] == [401, 401]
    for table in ("attachments", "attachment_pieces", "message_attachments"):
        with acting_as(db, bob.identity):
            assert db.execute(f"select 1 from {table}").fetchall() == []  # type: ignore[call-overload]
        with acting_as(db, ada.identity):
            assert len(db.execute(f"select 1 from {table}").fetchall()) == 1  # type: ignore[call-overload]
    exported = [client.get("/api/user/export").json()["attachments"] for client in (ada.http, bob.http)]
    assert [[row["id"] for row in rows] for rows in exported] == [[name_of(SMALL)], []]
    upload(bob.http, SMALL)  # the same file is his own
    assert download(bob.http, SMALL) == SMALL


def test_an_account_has_a_quota(served: Callable[..., str], ada: Person) -> None:
    with client_of(served(attachment_megabytes=1), {"authorization": f"Bearer {ada.token}"}) as http:
        assert state(http)["quota"] == 1024 * 1024
        upload(http, SMALL)
        answer = put(http, LARGE)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        assert answer.json()["error"] == "Your files may have 1 MB together on this server."
    with client_of(served(attachment_megabytes=0), {"authorization": f"Bearer {ada.token}"}) as http:
        assert put(http, b"new").json()["error"] == "This server keeps no attached files."


def test_files_go_a_month_after_their_last_message_and_with_the_account(ada: Person, db: Db) -> None:
    upload(ada.http, SMALL)
    message_with(db, ada, SMALL)
    put(ada.http, LARGE)  # abandoned

    def there() -> int:
        db.execute("select purge_attachments()")
        return len(db.execute("select 1 from attachments where user_id = %s", (ada.id,)).fetchall())

    db.execute("update attachments set used_at = now() - interval '8 days' where user_id = %s", (ada.id,))
    assert there() == 1
    db.execute("update attachments set used_at = now() - interval '90 days' where user_id = %s", (ada.id,))
    assert there() == 1, "a message has it"
    db.execute("delete from chat_messages where user_id = %s", (ada.id,))
    assert there() == 1, "undo may bring the message back"
    db.execute("update attachments set used_at = now() - interval '32 days' where user_id = %s", (ada.id,))
    assert there() == 0
    upload(ada.http, SMALL)
    db.execute("delete from auth.users where id = %s", (ada.id,))
    rows = db.execute("select 1 from attachment_pieces where user_id = %s", (ada.id,)).fetchall()
    assert rows == []


def test_links_follow_what_a_message_says(ada: Person, db: Db) -> None:
    message_with(db, ada, SMALL)

    def links() -> list[tuple[int, str, str]]:
        rows = db.execute(
            "select position, attachment_id, name from message_attachments where user_id = %s order by position",
            (ada.id,),
        ).fetchall()
        return [(row["position"], row["attachment_id"], row["name"]) for row in rows]

    assert links() == [(0, name_of(SMALL), "a.txt")]
    rubbish = {"attachments": [{"id": "../x"}, 7, {"id": "a" * 64, "name": [1], "size": -1}]}
    db.execute("update chat_messages set metadata = %s where user_id = %s", (json.dumps(rubbish), ada.id))
    assert links() == [(2, "a" * 64, "")]
    db.execute("update chat_messages set has_attachments = false where user_id = %s", (ada.id,))
    assert links() == []
