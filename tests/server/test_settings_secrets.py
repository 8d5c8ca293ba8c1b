"""What the server is told at its start."""

from __future__ import annotations

from sterna.server.settings import External, ServerSettings, Upstream


def test_settings_that_are_printed_tell_no_secret() -> None:
    told = "told-to-nobody"
    settings = ServerSettings(
        database_url=told,
        admin_url=told,
        jwt_secret=told,
        external=External(secret=told),
        upstream=Upstream("http://model", told),
        redis_url=told,
        metrics_token=told,
    )
    assert told not in repr(settings)
