"""Secrets do not appear in the representation of settings."""

from __future__ import annotations

from sterna.server.settings import External, ServerSettings, Upstream


def test_settings_that_are_printed_tell_no_secret() -> None:
    text = "told-to-nobody"
    settings = ServerSettings(
        database_url=text,
        admin_url=text,
        jwt_secret=text,
        external=External(secret=text),
        upstream=Upstream("http://model", text),
        redis_url=text,
        metrics_token=text,
    )
    assert text not in repr(settings)
