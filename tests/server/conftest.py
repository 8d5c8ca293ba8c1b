"""Fixtures: one server on a loopback socket for all tests of a process, and new accounts for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest
from accounts import SECRET, Db, Person, client_of, make_user, token_for

from sterna.server.clock import utc_now
from sterna.server.database.embedded import Embedded
from sterna.server.settings import ServerSettings, Upstream
from tests import fake_openai
from tests.serving import serving


@pytest.fixture(scope="session")
def settings(postgres: Embedded) -> ServerSettings:
    """Return the settings of the shared server, without rate limits; tests of limits use ``served``."""
    return ServerSettings(
        database_url=postgres.url,
        admin_url=postgres.admin_url,
        service_url=postgres.service_url,
        jwt_secret=SECRET,
        rate_limits=False,
        shared_rate_limits=False,  # tests of limits share the address of this computer
        retention_delay_seconds=86_400.0,  # does not run during tests
        argon2_memory_kib=64,
    )


@pytest.fixture(scope="session")
def address(settings: ServerSettings) -> Iterator[str]:
    """Address of the shared server."""
    with serving(settings) as result:
        yield result


@pytest.fixture
def served(settings: ServerSettings) -> Iterator[Callable[..., str]]:
    """Return a function that starts a server with other settings and an optional clock, and returns its address."""
    with ExitStack() as stack:

        def start_one(clock: Callable[[], datetime] = utc_now, **changes: Any) -> str:
            return stack.enter_context(serving(replace(settings, **changes), clock=clock))

        yield start_one


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    """Client that is not signed in."""
    with client_of(address) as client:
        yield client


@pytest.fixture
def person(db: Db, address: str) -> Iterator[Callable[..., Person]]:
    """Return a function that creates accounts: ``person()``, ``person("pro")``."""
    with ExitStack() as stack:

        def make(tier: str = "free", **metadata: Any) -> Person:
            user_id, email = make_user(db, **metadata)
            if tier != "free":
                db.execute("update profiles set subscription_tier = %s where id = %s", (tier, user_id))
            token = token_for(user_id, email)
            headers = {"authorization": f"Bearer {token}"}
            client = stack.enter_context(client_of(address, headers))
            return Person(user_id, email, token, client)

        yield make


@pytest.fixture
def ada(person: Callable[..., Person]) -> Person:
    return person()


@pytest.fixture
def bob(person: Callable[..., Person]) -> Person:
    return person()


@pytest.fixture(scope="session")
def relaying(settings: ServerSettings) -> Iterator[tuple[fake_openai.Server, str]]:
    """Start a model service and a server that relays to it; return both."""
    with ExitStack() as stack:
        model = stack.enter_context(fake_openai.Server())
        yield model, stack.enter_context(serving(replace(settings, upstream=Upstream(model.url, "sk-secret-of-tests"))))


@pytest.fixture
def model(relaying: tuple[fake_openai.Server, str], db: Db) -> fake_openai.Server:
    """Return the scripted model service in its initial state, with an empty cache of models."""
    db.execute("delete from system_cache")
    fake = relaying[0].fake
    fake.reply, fake.rate, fake.requests, fake.sent = fake_openai.by_prompt, None, [], 0
    fake.key, fake.lists, fake.listed, fake.left, fake.stated = None, True, 0, 0, {}
    return relaying[0]


@pytest.fixture
def at(model: fake_openai.Server, relaying: tuple[fake_openai.Server, str]) -> Iterator[Callable[..., httpx.Client]]:
    """Return a function that opens a client of the relaying server, ``at(ada)``, or of another address."""
    with ExitStack() as stack:

        def client(who: Person | None, address: str = relaying[1]) -> httpx.Client:
            headers = {"authorization": f"Bearer {who.token}"} if who else {}
            return stack.enter_context(client_of(address, headers))

        yield client


@pytest.fixture
def chat(at: Callable[..., httpx.Client], ada: Person) -> httpx.Client:
    """Client of Ada at the relaying server."""
    return at(ada)
