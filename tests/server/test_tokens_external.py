"""Tokens of an external sign-in, with a shared secret and with published keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from accounts import Db, Person
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forged_tokens import EXTERNAL_SECRET, ISSUER, claims, get_user, sign_by_hand
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from sterna.server.auth.jwks import Jwks
from sterna.server.settings import External


@pytest.fixture
def theirs(served: Callable[..., str]) -> Iterator[httpx.Client]:
    """Return a client of a server that accepts tokens of a Supabase project with a shared secret."""
    address = served(external=External(secret=EXTERNAL_SECRET, issuer=ISSUER))
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


def signed(**changes: Any) -> str:
    return jwt.encode(claims(iss=ISSUER) | changes, EXTERNAL_SECRET, "HS256")


def test_somebody_of_another_sign_in_gets_an_account_at_the_first_visit(theirs: httpx.Client, db: Db) -> None:
    sub, email = str(uuid4()), f"{uuid4().hex}@example.org"
    token = signed(sub=sub, email=email, user_metadata={"full_name": "Ada"})

    answers = [get_user(theirs, token) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["id"] == sub
    assert answers[0].json()["user_metadata"] == {"full_name": "Ada"}
    row = db.execute("select email from profiles where id = %s", (sub,)).fetchone()
    assert row == {"email": email}


def test_many_first_visits_at_once_make_one_account(theirs: httpx.Client, db: Db) -> None:
    sub = str(uuid4())
    token = signed(sub=sub)

    async def visit() -> list[int]:
        async with httpx.AsyncClient(base_url=theirs.base_url, timeout=30) as client:
            headers = {"authorization": f"Bearer {token}"}
            answers = await asyncio.gather(*(client.get("/auth/v1/user", headers=headers) for _ in range(8)))
        return [answer.status_code for answer in answers]

    assert asyncio.run(visit()) == [200] * 8


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"role": "service_role"},
        {"role": "anon"},
        {"sub": "user_2abc"},
    ],
    ids=str,
)
def test_of_another_sign_in_only_its_people_are_believed(theirs: httpx.Client, changes: dict[str, Any]) -> None:
    assert get_user(theirs, signed(**changes)).status_code == 401


def test_another_sign_ins_secret_means_nothing_where_it_was_not_named(http: httpx.Client) -> None:
    assert get_user(http, signed()).status_code == 401


def test_an_email_of_an_account_here_is_not_taken_over_by_another_sign_in(theirs: httpx.Client, ada: Person) -> None:
    assert get_user(theirs, signed(email=ada.email.upper())).status_code == 401
    assert get_user(theirs, ada.token).json()["id"] == str(ada.id)


def test_somebody_without_an_email_or_with_strange_metadata_still_comes_in(theirs: httpx.Client) -> None:
    assert get_user(theirs, signed(email="")).status_code == 200
    assert get_user(theirs, signed(user_metadata=["x"])).status_code == 200
    assert get_user(theirs, signed(user_metadata={"full_name": "x" * 300})).status_code == 401
    assert get_user(theirs, signed(user_metadata={"full_name": "a\0b"})).status_code in (200, 401)


@pytest.mark.parametrize("odd", ["a\0@x.org", "\ud800@x.org", "x" * 300 + "@x.org", "no email", 7, None], ids=ascii)
def test_a_strange_email_of_another_sign_in_breaks_nothing(theirs: httpx.Client, odd: Any) -> None:
    sub = str(uuid4())
    assert get_user(theirs, signed(sub=sub)).status_code == 200

    assert get_user(theirs, signed(sub=sub, email=odd)).status_code == 200
    assert (
        theirs.get("/api/models", headers={"authorization": f"Bearer {signed(sub=sub, email=odd)}"}).status_code == 200
    )
    assert get_user(theirs, signed(email=odd)).status_code in (200, 401)


class Keys:
    """A host of public keys, which may be away."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.requests = 0
        self.is_away = False
        self.keys: list[Any] = [self.public("rsa"), self.public("ec")]
        keys = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.requests += 1
                body = json.dumps({"keys": keys.keys}).encode()
                self.send_response(503 if keys.is_away else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *values: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def public(self, kind: str, **more: str) -> dict[str, Any]:
        result = (
            RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True)
            if kind == "rsa"
            else ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True)
        )
        return result | {"kid": kind, "use": "sig"} | more

    def signed(self, kind: str = "rsa", kid: str | None = None, **changes: Any) -> str:
        key, algorithm = (self.rsa, "RS256") if kind == "rsa" else (self.ec, "ES256")
        return jwt.encode(claims(iss=ISSUER) | changes, key, algorithm, {"kid": kid or kind})


@pytest.fixture
def keys() -> Iterator[Keys]:
    made = Keys()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


@pytest.fixture
def keyed(served: Callable[..., str], keys: Keys) -> Iterator[httpx.Client]:
    """Return a client of a server that accepts tokens signed with those keys."""
    with httpx.Client(base_url=served(external=External(jwks_url=keys.url, issuer=ISSUER)), timeout=30) as client:
        yield client


def test_tokens_signed_with_published_keys_are_believed_and_the_keys_fetched_once(
    keyed: httpx.Client, keys: Keys
) -> None:
    tokens = [keys.signed("rsa"), keys.signed("ec"), keys.signed("rsa")]

    assert [get_user(keyed, token).status_code for token in tokens] == [200, 200, 200]
    assert keys.requests == 1


def test_a_public_key_is_no_shared_secret(keyed: httpx.Client, keys: Keys) -> None:
    assert get_user(keyed, keys.signed()).status_code == 200
    pem = keys.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    result = json.dumps(keys.public("rsa")).encode()

    for secret in (pem, pem.strip(), result):
        for algorithm in ("HS256", "RS256", "ES256"):
            assert (
                get_user(keyed, sign_by_hand({"alg": algorithm, "kid": "rsa"}, claims(iss=ISSUER), secret)).status_code
                == 401
            )


def test_a_key_is_used_for_its_own_algorithm_only(keyed: httpx.Client, keys: Keys) -> None:
    assert get_user(keyed, keys.signed("rsa", kid="ec")).status_code == 401
    assert get_user(keyed, keys.signed("ec", kid="rsa")).status_code == 401


def test_made_up_key_ids_do_not_become_requests(keyed: httpx.Client, keys: Keys) -> None:
    for number in range(10):
        assert get_user(keyed, keys.signed(kid=f"made up {number}")).status_code == 401
    assert keys.requests == 1


def test_the_server_works_while_the_host_of_the_keys_is_away(keyed: httpx.Client, keys: Keys, ada: Person) -> None:
    keys.is_away = True

    assert get_user(keyed, keys.signed()).status_code == 401
    assert get_user(keyed, ada.token).status_code == 200


def test_a_new_key_is_found_after_a_minute_and_old_ones_last_while_the_host_is_away(keys: Keys) -> None:
    now = [datetime.now(UTC)]
    result = Jwks(keys.url, lambda: now[0])

    async def known(kid: str, **later: float) -> bool:
        now[0] += timedelta(**later)
        return await result.key("RS256", kid) is not None

    async def story() -> None:
        assert await known("rsa")
        keys.keys.append(keys.public("rsa", kid="new"))
        assert not await known("new", seconds=59)
        assert await known("new", seconds=1)
        keys.is_away = True
        assert await known("rsa", hours=3)
        keys.is_away, keys.keys = False, [keys.public("rsa", kid="new")]
        assert not await known("rsa", hours=1)

    asyncio.run(story())


@pytest.mark.parametrize(
    "key_set", [[], [1, None, {}], [{"kty": "oct", "k": "AAAA", "kid": "rsa"}], [{"kty": "RSA", "n": "!"}]]
)
def test_a_key_set_of_anything_gives_no_key(keys: Keys, key_set: list[Any]) -> None:
    keys.keys = key_set

    assert asyncio.run(Jwks(keys.url, lambda: datetime.now(UTC)).key("RS256", "rsa")) is None


def ago(**span: float) -> int:
    return int((datetime.now(UTC) - timedelta(**span)).timestamp())


@pytest.mark.parametrize(
    ("times", "status"),
    [  # evaluated in the test: a suite may take longer than a sign-in stays fresh
        (lambda: {"auth_time": ago(minutes=2)}, 200),
        (lambda: {"amr": [{"method": "password", "timestamp": ago(minutes=2)}]}, 200),
        (
            lambda: {
                "amr": [
                    {"method": "password", "timestamp": ago(days=9)},
                    {"method": "totp", "timestamp": ago(minutes=1)},
                ]
            },
            200,
        ),
        (lambda: {"auth_time": ago(minutes=11)}, 403),
        (lambda: {"amr": [{"method": "password", "timestamp": ago(hours=2)}]}, 403),
        (lambda: {"iat": ago(minutes=0)}, 403),  # a refresh moves it: whoever found an open terminal has it too
        (lambda: {"auth_time": ago(hours=-2)}, 403),
        (lambda: {"auth_time": True, "amr": "password"}, 403),
        (lambda: {"auth_time": 2.0**60, "amr": [None, {"timestamp": "now"}, {}]}, 403),
    ],
)
def test_an_account_whose_sign_in_is_elsewhere_is_erased_when_that_is_fresh(
    theirs: httpx.Client, db: Db, times: Callable[[], dict[str, Any]], status: int
) -> None:
    sub = str(uuid4())
    headers = {"authorization": f"Bearer {signed(sub=sub, **times())}"}
    assert theirs.get("/api/user/data", headers=headers).status_code == 200
    answer = theirs.request("DELETE", "/api/user/account", headers=headers, json={"password": "whatever it is"})
    assert answer.status_code == status, answer.text
    if status == 403:
        assert "signs in elsewhere" in answer.json()["message"]
    left = db.execute("select 1 from profiles where id = %s", (sub,)).fetchone()
    assert (left is None) == (status == 200)


def test_a_refreshed_token_keeps_when_the_sign_in_began(http: httpx.Client) -> None:
    given = {"email": f"{uuid4().hex}@example.org", "password": "correct horse battery"}
    first = http.post("/auth/v1/signup", json=given).json()
    again = http.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": first["refresh_token"]}).json()
    times = [jwt.decode(item["access_token"], options={"verify_signature": False}) for item in (first, again)]
    assert times[0]["auth_time"] == times[1]["auth_time"]
    assert abs(times[0]["auth_time"] - times[0]["iat"]) <= 2
