"""A store on a real file, whose clock the test owns; and one embedded PostgreSQL for all tests of a process."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from ticking import Ticking

from sterna.storage import Store
from sterna.storage.database import migrations
from tests import databases, schema_template, temporary_folders
from tests.generated import TIMES

if TYPE_CHECKING:
    from psycopg import Connection

    from sterna.server.database.embedded import Embedded
    from sterna.server.settings import ServerSettings

AS_IF_NEW = """
    reset session authorization; reset role; reset all; close all; unlisten *; discard temp;
    select pg_advisory_unlock_all()
"""
"""What a test may have left in a connection to PostgreSQL is undone; what PostgreSQL has compiled in it stays."""

settings.register_profile(
    "sterna",
    max_examples=50 * TIMES,
    derandomize=False,  # also where Hypothesis sees that a service runs the tests
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sterna")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder of its own for temporary files, which is removed at the end when all is well.

    Each pytest that starts shuts the folder that pytest would take to everybody but its owner. PostgreSQL, when root
    runs the tests, is another user, and could not be ended any more by whoever runs at the same time.
    """
    gc.set_threshold(200_000, 20, 20)  # what is loaded now stays
    if config.option.basetemp is None:  # a worker is told its own
        # first of all, so that it is removed last: after PostgreSQL's end
        config.option.basetemp = str(temporary_folders.new_folder())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests first: at the end, one that began late would leave the other processors idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Exempt what is loaded by now from garbage collection, which would otherwise take a quarter of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep what failed tests left; pytest has removed what the others left (tmp_path_retention_policy).

    Garbage that warns when it is collected does so now: pytest would look through everything five times.
    """
    gc.collect()
    gc.freeze()
    if exitstatus:
        temporary_folders.keep(Path(session.config.option.basetemp))


@pytest.fixture(scope="session", autouse=True)
def _schema_is_copied() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sterna.storage.database.opening.migrate", schema_template.migrate)
        yield


@pytest.fixture
def whole_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every new file by the steps of the schema, and copy none."""
    monkeypatch.setattr("sterna.storage.database.opening.migrate", migrations.migrate)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Close the databases of the test in memory: newer Pythons warn of those that are forgotten."""
    databases.close_all()


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def store(tmp_path: Path, clock: Ticking) -> Iterator[Store]:
    opened = Store.open(tmp_path / "account.db", clock=clock)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Embedded]:
    """PostgreSQL 18 with the schema; it ends with the test process, and its folder after it.

    ``STERNA_TEST_POSTGRES`` names the folder of another PostgreSQL's programs to run instead.
    """
    import psycopg

    from sterna.server.database.embedded import APP, SERVICE, start
    from sterna.server.database.migrations import migrate

    if other := os.environ.get("STERNA_TEST_POSTGRES"):
        from tests.other_postgres import running

        with running(Path(other)) as found:
            migrate(found.admin_url, app_role=APP, server_role=SERVICE)
            yield found
        return
    # before start(): removed after PostgreSQL has stopped
    found = start(temporary_folders.new_folder() / "postgres")
    with psycopg.connect(found.admin_url, autocommit=True) as admin:
        # nothing of a test outlives it, so nothing need reach the disk
        admin.execute("alter system set fsync = off")
        admin.execute("alter system set synchronous_commit = off")
        admin.execute("alter system set full_page_writes = off")
        admin.execute("select pg_reload_conf()")
    migrate(found.admin_url, app_role=APP, server_role=SERVICE)
    yield found


@pytest.fixture(scope="session")
def kept_connections() -> Iterator[list[Connection[dict[str, Any]]]]:
    """The connection that ``db`` keeps from test to test: what a new one must compile takes longer than most tests."""
    kept: list[Connection[dict[str, Any]]] = []
    yield kept
    for connection in kept:
        connection.close()


@pytest.fixture
def db(postgres: Embedded, kept_connections: list[Connection[dict[str, Any]]]) -> Iterator[Connection[dict[str, Any]]]:
    """The superuser's connection; it commits each statement, rows are dicts."""
    import psycopg
    from psycopg.rows import dict_row

    if not kept_connections:
        kept_connections.append(psycopg.connect(postgres.admin_url, autocommit=True, row_factory=dict_row))
    (connection,) = kept_connections
    yield connection
    try:
        connection.rollback()
        connection.execute(AS_IF_NEW, prepare=False)
    except psycopg.OperationalError:  # the test has ended it
        kept_connections.clear()
        connection.close()


@pytest.fixture(scope="session")
def sterna_server(postgres: Embedded) -> Iterator[str]:
    """Address of a server where anybody may sign up; its rate limits are off."""
    from tests.serving import serving

    with serving(serving_settings(postgres)) as address:
        yield address


def serving_settings(postgres: Embedded) -> ServerSettings:
    """Of such a server."""
    from sterna.server.settings import ServerSettings

    return ServerSettings(
        database_url=postgres.url,
        admin_url=postgres.admin_url,
        service_url=postgres.service_url,
        jwt_secret="a secret of the tests, long enough for HS256",
        rate_limits=False,
        retention_delay_seconds=86_400.0,  # no test meets with it by chance
        argon2_memory_kib=64,
    )
