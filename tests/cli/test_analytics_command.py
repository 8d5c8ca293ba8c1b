"""``sterna analytics`` and ``sterna doctor analytics``."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna.storage import Store, data_dir, open_account
from sterna.sync.analytics.client import EVENTS, device_info
from tests.cli.conftest import Run
from tests.clients import sign_up


def opened(home: Path) -> Store:
    return Store.open(open_account(data_dir(home / "data")))


def test_it_is_off_until_somebody_says_yes_and_what_would_be_sent_can_be_read(run: Run) -> None:
    answer = run("analytics", "show", "--json").json()
    assert answer["enabled"] is False
    assert (answer["device_info"], set(answer["events"]), answer["waiting"]) == (device_info(), set(EVENTS), [])
    shown = run("analytics", "show").out
    assert shown.startswith("Analytics are off; nothing is sent.\n")
    assert all(name in shown for name in EVENTS)
    assert run("analytics", "on").code == 0
    assert run("analytics", "show", "--json").json()["enabled"] is True


def test_each_event_that_waits_can_be_read(run: Run, home: Path) -> None:
    store = opened(home)
    store.interactions.queue_interactions("sess_1_a", [("reply_finished", "conv_1_a", 900, {"output_tokens": 12})])
    store.close()
    (item,) = run("analytics", "show", "--json").json()["waiting"]
    assert (item["event_type"], item["content_id"], item["duration"]) == ("reply_finished", "conv_1_a", 900)
    assert "event_type reply_finished, content_id conv_1_a, duration 900" in run("analytics", "show").out


def test_a_no_removes_what_waits(run: Run, home: Path) -> None:
    run("analytics", "on")
    store = opened(home)
    store.interactions.queue_interactions("sess_1_a", [("message_sent", None, None, {})])
    done = run("analytics", "off")
    assert (done.code, done.out) == (0, "Analytics are off. 1 event removed from this device.\n")
    assert store.interactions.waiting_interactions() == []
    store.close()


def test_the_doctor_sends_nothing_without_a_yes_or_a_server(run: Run) -> None:
    done = run("doctor", "analytics")
    assert (done.code, done.out) == (1, "")
    assert "sterna analytics on" in done.err
    run("analytics", "on")
    done = run("doctor", "analytics")
    assert done.code == 1
    assert "sterna login URL" in done.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_doctor_sees_one_event_arrive(run: Run, sterna_server: str, form: str) -> None:
    """docs/specification/vectors.md#vector-19: testSessionAndEventCreation."""
    who = sign_up(sterna_server)
    arguments = ("--email", who.email, "--password-stdin", "--adopt", "--yes")
    assert run("login", sterna_server, *arguments, stdin=f"{who.password}\n".encode()).code == 0
    run("analytics", "on")
    if form == "json":
        answer = run("doctor", "analytics", "--json").json()
        assert (answer["success"], answer["eventCount"], answer["hasOpenSession"]) == (True, 1, False)
    else:
        done = run("doctor", "analytics")
        assert done.code == 0, done.err
        assert "events: 1 of 1 received" in done.out
