"""``GET /rest/v1/<table>`` as clients of PostgREST use it."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest
from accounts import Db, Person

SESSIONS = "/rest/v1/chat_sessions"
OBJECT = "application/vnd.pgrst.object+json"


@pytest.fixture
def five(ada: Person, bob: Person, db: Db) -> Person:
    """Ada with conversations c1 to c5, and Bob with one of his own."""
    for who, count in ((ada, 5), (bob, 1)):
        for n in range(1, count + 1):
            db.execute(
                "insert into chat_sessions (user_id, id, title, message_count, last_model, created_at, last_message)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                (
                    who.id,
                    f"c{n}",
                    ["Heaps, stacks", "Trees", 'a "b" (c)', "100%", "a_b"][n - 1],
                    n * 10,
                    None if n == 3 else f"m/{n}",
                    f"2025-01-0{n}T00:00:00Z",
                    f'{{"from": {{"name": "n{n}"}}, "n": {n}}}',
                ),
            )
    return ada


def ids(who: Person, **parameters: Any) -> list[str]:
    answer = who.http.get(SESSIONS, params={"select": "id", "order": "id", **parameters})
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


def refused(client: httpx.Client, path: str, **headers: str) -> tuple[int, str]:
    answer = client.get(path, headers=headers)
    body = answer.json()
    assert list(body) == ["code", "message", "details", "hint"]
    assert body["message"]
    return answer.status_code, body["code"]


def test_rows_are_ones_own_and_whole(five: Person, bob: Person, http: httpx.Client) -> None:
    rows = five.http.get(SESSIONS).json()
    assert {row["id"] for row in rows} == {"c1", "c2", "c3", "c4", "c5"}
    assert {row["user_id"] for row in rows} == {str(five.id)}
    assert rows[0]["created_at"].startswith("2025-01-0")
    assert ids(bob) == ["c1"]
    assert refused(http, SESSIONS) == (401, "PGRST302")
    headers = {"authorization": "Bearer not.a.token"}
    assert refused(http, SESSIONS, **headers) == (401, "PGRST302")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"id": "eq.c2"}, "2"),
        ({"id": "neq.c2"}, "1345"),
        ({"id": "not.eq.c2"}, "1345"),
        ({"message_count": "gt.30"}, "45"),
        ({"message_count": "gte.30"}, "345"),
        ({"message_count": "lt.20"}, "1"),
        ({"message_count": "lte.20"}, "12"),
        ({"id": "in.(c1,c5,c9)"}, "15"),
        ({"id": "not.in.(c1,c5)"}, "234"),
        ({"id": "in.()"}, ""),
        ({"title": 'in.("Heaps, stacks","a \\"b\\" (c)")'}, "13"),
        ({"last_model": "is.null"}, "3"),
        ({"last_model": "not.is.null"}, "1245"),
        ({"last_model": "is.not_null"}, "1245"),
        ({"last_model": "isdistinct.m/1"}, "2345"),
        ({"is_active": "is.true"}, "12345"),
        ({"title": "like.*s"}, "12"),
        ({"title": "like.%rees"}, "2"),
        ({"title": "ilike.TREES"}, "2"),
        ({"title": "not.ilike.*E*"}, "345"),
        ({"title": "like.a\\_b"}, "5"),
        ({"title": 'eq.a "b" (c)'}, "3"),
        ({"title": "eq.'; drop table profiles; --"}, ""),
        ({"title": "eq."}, ""),
        ({"created_at": "gte.2025-01-04T00:00:00Z"}, "45"),
        ({"last_message->from->>name": "eq.n4"}, "4"),
        ({"last_message->n": "gte.4"}, "45"),
        ({"or": "(id.eq.c1,message_count.gt.40)"}, "15"),
        ({"not.or": "(id.eq.c1,message_count.gt.40)"}, "234"),
        ({"and": "(id.gt.c1,or(title.ilike.t*,last_model.is.null))"}, "23"),
        ({"or": '(title.eq."Heaps, stacks",id.in.(c4,c5),not.and(id.neq.c2,id.neq.c2))'}, "1245"),
        ({"or": '(title.eq."a \\"b\\" (c)",id.not.neq.c2)'}, "23"),
    ],
)
def test_filters(five: Person, filters: dict[str, str], expected: str) -> None:
    assert "".join(item[1] for item in ids(five, **filters)) == expected


def test_one_column_may_be_filtered_twice(five: Person) -> None:
    answer = five.http.get(f"{SESSIONS}?select=id&message_count=gt.10&message_count=lt.40&order=id.desc")
    assert answer.json() == [{"id": "c3"}, {"id": "c2"}]


def test_columns_are_chosen_renamed_and_cast(five: Person) -> None:
    text = 'id,heading:title,n:message_count::text,last_message->from->>name,"created_at"::date,k:last_message->n'
    answer = five.http.get(SESSIONS, params={"select": text, "id": "eq.c2"})
    assert answer.json() == [
        {"id": "c2", "heading": "Trees", "n": "20", "name": "n2", "created_at": "2025-01-02", "k": 2}
    ]
    assert five.http.get(SESSIONS, params={"select": "p:id", "id": "eq.c2"}).json() == [{"p": "c2"}]
    (row,) = five.http.get(SESSIONS, params={"select": "*, again:title", "id": "eq.c2"}).json()
    assert (row["title"], row["again"], row["user_id"]) == ("Trees", "Trees", str(five.id))
    assert five.http.get(SESSIONS, params={"select": "", "id": "eq.c2"}).json() == [{}]


def test_order_and_page(five: Person) -> None:
    assert ids(five, order="last_model.asc.nullsfirst,id") == ["c3", "c1", "c2", "c4", "c5"]
    assert ids(five, order="last_model.desc.nullslast") == ["c5", "c4", "c2", "c1", "c3"]
    assert ids(five, order="last_message->n.desc") == ["c5", "c4", "c3", "c2", "c1"]
    assert ids(five, limit=2, offset=1) == ["c2", "c3"]
    assert ids(five, limit=0) == []


@pytest.mark.parametrize(
    ("parameters", "headers", "status", "content_range", "rows"),
    [
        ({}, {}, 200, "0-4/*", 5),
        ({}, {"Prefer": "count=exact"}, 200, "0-4/5", 5),
        ({"limit": "2"}, {"Prefer": "count=exact"}, 206, "0-1/5", 2),
        ({"limit": "2", "offset": "3"}, {"Prefer": "count=planned"}, 206, "3-4/5", 2),
        ({"id": "eq.none"}, {"Prefer": "count=estimated"}, 200, "*/0", 0),
        ({"id": "eq.none"}, {}, 200, "*/*", 0),
        ({}, {"Range": "1-2"}, 200, "1-2/*", 2),
        ({}, {"Range": "3-"}, 200, "3-4/*", 2),
        ({"offset": "1", "limit": "3"}, {"Range": "2-9", "Prefer": "count=exact"}, 206, "2-3/5", 2),
        ({}, {"Range": "bytes=0-1"}, 200, "0-4/*", 5),
    ],
)
def test_ranges_and_counts(
    five: Person, parameters: dict[str, str], headers: dict[str, str], status: int, content_range: str, rows: int
) -> None:
    request = {"select": "id", "order": "id", **parameters}
    answer = five.http.get(SESSIONS, params=request, headers=headers)
    assert (answer.status_code, answer.headers["content-range"], len(answer.json())) == (status, content_range, rows)
    if "Prefer" in headers:
        assert answer.headers["preference-applied"] == headers["Prefer"]
    head = five.http.head(SESSIONS, params=request, headers=headers)
    assert (head.status_code, head.headers["content-range"], head.content) == (status, content_range, b"")


def test_one_object_is_answered_where_there_is_one(five: Person) -> None:
    for accept in (OBJECT, "application/vnd.pgrst.object"):
        answer = five.http.get(SESSIONS, params={"id": "eq.c2", "select": "id"}, headers={"Accept": accept})
        assert (answer.status_code, answer.json()) == (200, {"id": "c2"})
        assert answer.headers["content-type"].startswith(OBJECT)
    for query, count in (("", 5), ("?id=eq.none", 0)):
        answer = five.http.get(SESSIONS + query, headers={"Accept": OBJECT})
        assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
        assert f"{count} rows" in answer.json()["details"]


def test_csv(five: Person) -> None:
    parameters = {"select": "id,title,on:is_active,last_model,last_message", "order": "id", "id": "lte.c3"}
    answer = five.http.get(SESSIONS, params=parameters, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["id", "title", "on", "last_model", "last_message"],
        ["c1", "Heaps, stacks", "t", "m/1", '{"n": 1, "from": {"name": "n1"}}'],
        ["c2", "Trees", "t", "m/2", '{"n": 2, "from": {"name": "n2"}}'],
        ["c3", 'a "b" (c)', "t", "", '{"n": 3, "from": {"name": "n3"}}'],
    ]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?nothing=eq.1", 400, "42703"),
        ("?select=nothing", 400, "42703"),
        ("?select=id,chat_messages(*)", 400, "PGRST200"),
        ("?select=...chat_messages!inner(id)", 400, "PGRST200"),
        ("?select=message_count.sum()", 400, "PGRST123"),
        ("?select=count()", 400, "PGRST123"),
        ("?select=id::regclass", 400, "42704"),
        ("?select=id,,title", 400, "PGRST100"),
        ("?select=a%22b", 400, "PGRST100"),
        ("?select=%22a%25b%22:id", 400, "PGRST100"),
        ("?chat_messages.id=eq.1", 400, "PGRST108"),
        ("?order=nothing", 400, "42703"),
        ("?order=id.upwards", 400, "PGRST100"),
        ("?order=id.desc.asc", 400, "PGRST100"),
        ("?id=c1", 400, "PGRST100"),
        ("?id=equals.c1", 400, "PGRST100"),
        ("?id=match.%5Ec", 400, "PGRST100"),
        ("?title=fts.heap", 400, "PGRST100"),
        ("?id=cs.{1}", 400, "PGRST100"),
        ("?id=eq(any).{1}", 400, "PGRST100"),
        ("?id=is.1", 400, "PGRST100"),
        ("?id=in.c1", 400, "PGRST100"),
        ("?id=in.(%22c1)", 400, "PGRST100"),
        ("?or=(id.eq.c1", 400, "PGRST100"),
        ("?or=()", 400, "PGRST100"),
        ("?or=" + "(or" * 20 + "(id.eq.1" + ")" * 21, 400, "PGRST100"),
        ("?or=(" + ",".join(["id.eq.1"] * 300) + ")", 400, "PGRST100"),
        ("?id=in.(" + ",".join(["1"] * 300) + ")", 400, "PGRST100"),
        ("?message_count=eq.many", 400, "22P02"),
        ("?message_count=eq.99999999999", 400, "22003"),
        ("?last_message=eq.{", 400, "22P02"),
        ("?message_count=like.1*", 404, "42883"),
        ("?limit=-1", 416, "PGRST103"),
        ("?offset=-1", 416, "PGRST103"),
        ("?limit=many", 400, "PGRST100"),
        ("?columns=id", 400, "PGRST100"),
        ("?last_message" + "->a" * 5000 + "=eq.1", 400, "PGRST100"),
        ("?select=last_message" + "->a" * 5000, 400, "PGRST100"),
        ("?on_conflict=id", 400, "PGRST100"),
    ],
)
def test_what_is_not_served_is_refused_with_a_code(five: Person, query: str, status: int, code: str) -> None:
    assert refused(five.http, SESSIONS + query) == (status, code)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Accept": "application/xml"}, 406, "PGRST107"),
        ({"Accept": "application/geo+json"}, 406, "PGRST107"),
        ({"Accept": "application/vnd.pgrst.object+json;nulls=stripped"}, 406, "PGRST107"),
        ({"Accept": "application/vnd.pgrst.plan+json"}, 406, "PGRST107"),
        ({"Accept-Profile": "sterna"}, 406, "PGRST106"),
        ({"Prefer": "handling=strict, count=some"}, 400, "PGRST122"),
        ({"Range": "4-2"}, 416, "PGRST103"),
        ({"Range": "9-12", "Prefer": "count=exact"}, 416, "PGRST103"),
    ],
)
def test_what_headers_ask_in_vain_is_refused(five: Person, headers: dict[str, str], status: int, code: str) -> None:
    assert refused(five.http, SESSIONS, **headers) == (status, code)


def test_headers_that_every_client_sends_are_taken(five: Person) -> None:
    headers = {
        "Accept": "text/html, application/json;q=0.9, text/csv;q=0.1",
        "Accept-Profile": "public",
        "Prefer": "handling=lenient, return=minimal",
        "apikey": "anything",
        "X-Client-Info": "supabase-js/2",
    }
    answer = five.http.get(SESSIONS, headers=headers)
    assert (answer.status_code, len(answer.json())) == (200, 5)


def test_rows_are_not_written_here(five: Person) -> None:
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        answer = five.http.request(method, f"{SESSIONS}?id=eq.c1", json={"title": "new"})
        assert (answer.status_code, answer.json()["code"]) == (405, "PGRST117"), method
        assert answer.headers["allow"] == "GET, HEAD"
    assert ids(five) == ["c1", "c2", "c3", "c4", "c5"]


def test_an_answer_has_at_most_a_thousand_rows(ada: Person, db: Db) -> None:
    db.execute(
        "insert into chat_sessions (user_id, id) select %s, 'c' || n from generate_series(1, 1100) as n", (ada.id,)
    )
    answer = ada.http.get(f"{SESSIONS}?select=id&limit=5000", headers={"Prefer": "count=exact"})
    assert (answer.status_code, answer.headers["content-range"]) == (206, "0-999/1100")
    assert len(answer.json()) == 1000


def test_an_answer_that_would_be_too_large_is_refused(ada: Person, db: Db) -> None:
    db.execute(
        "insert into chat_sessions (user_id, id, last_message_preview)"
        " select %s, 'c' || n, repeat('x', 1000000) from generate_series(1, 17) as n",
        (ada.id,),
    )
    assert refused(ada.http, SESSIONS) == (413, "54000")
    assert ada.http.get(f"{SESSIONS}?select=id").status_code == 200
    assert len(ada.http.get(f"{SESSIONS}?limit=3").json()) == 3


@pytest.mark.parametrize(
    "query",
    [
        "select=" + ",".join(f"x{n}:last_message_preview" for n in range(100)),
        "select=" + ",".join(["*"] * 40),
        "select=" + ",".join(f"x{n}:last_message->a->>b" for n in range(100)),
        "order=" + ",".join(["last_message->a->>b"] * 100),
        "select=id&or=(" + ",".join(f"last_message_preview.ilike.*{n}*" for n in range(100)) + ")",
        "select=id&last_message_preview=not.eq.x" * 20,
    ],
)
def test_a_large_value_is_not_used_many_times_in_one_request(ada: Person, db: Db, query: str) -> None:
    """Each use copies the value: a hundred of ten megabytes took gigabytes of the database's memory."""
    db.execute(
        "insert into chat_sessions (user_id, id, last_message_preview, last_message)"
        " select %s, 'c', repeat('x', 4000000), jsonb_build_object('a', jsonb_build_object('b', repeat('y', 4000000)))",
        (ada.id,),
    )
    answer = ada.http.get(f"{SESSIONS}?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (
        413,
        "54000",
        "The request needs more memory than the server allows.",
    )
    assert ada.http.get(f"{SESSIONS}?message_count=eq.9&{query}").json() == []


def test_a_small_value_may_be_used_many_times(five: Person) -> None:
    columns = ",".join(f"x{n}:last_message->from->>name" for n in range(100))
    rows = five.http.get(f"{SESSIONS}?select={columns}&id=eq.c2&or=({','.join(['title.like.*ee*'] * 50)})").json()
    assert rows == [{f"x{n}": "n2" for n in range(100)}]


def test_a_request_that_passes_a_limit_of_the_database_is_not_told_to_try_again(five: Person) -> None:
    assert refused(five.http, f"{SESSIONS}?select={','.join(['*'] * 150)}") == (413, "54011")
