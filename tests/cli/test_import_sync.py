"""The same export on two devices of one account: one history, also after a newer export, a deletion and its return."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Result, Run
from tests.cli.test_import import export
from tests.cli.test_sync_command import sign_in, somebody  # noqa: F401 - a fixture
from tests.clients import Somebody


def test_two_devices_that_import_the_same_have_one_history(
    run: Run,
    home: Path,
    sterna_server: str,
    somebody: Somebody,  # noqa: F811
) -> None:
    def on(device: str, *command: str, stdin: bytes = b"") -> Result:
        done = run("--data-dir", str(home / device), *command, stdin=stdin)
        assert done.code == 0, done.err
        return done

    def texts(device: str) -> dict[str, list[str]]:
        found = [on(device, "show", row["id"], "--json").json() for row in on(device, "list", "--json").lines()]
        return {row["title"]: [message["content"] for message in row["messages"]] for row in found}

    path = str(export(home / "a.zip", "terns", "gulls"))
    for device in ("one", "other"):
        on(device, "import", path)
        sign_in(
            lambda *command, stdin, device=device: on(device, *command, stdin=stdin), sterna_server, somebody, "--yes"
        )
    for device in ("one", "other", "one"):
        on(device, "sync", "--once")
        status = on(device, "sync", "status", "--json").json()
        assert (status["waiting"], status["refused"], status["conflicts"]) == (0, [], 0)
    assert (
        texts("one")
        == texts("other")
        == {
            "About terns": ["What is terns?", "A bird."],
            "About gulls": ["What is gulls?", "A bird."],
        }
    )
    export(home / "a.zip", "terns", "gulls", answer="A seabird.", updated=1_700_000_200.0)
    assert "(2 updated" in on("other", "import", path).out
    on("other", "sync", "--once")
    on("one", "sync", "--once")
    assert "(2 unchanged" in on("one", "import", path).out
    assert texts("one")["About terns"] == ["What is terns?", "A seabird."]
    on("one", "delete", "--yes", next(row["id"] for row in on("one", "list", "--json", "gulls").lines()))
    on("one", "sync", "--once")
    on("other", "sync", "--once")
    assert texts("other").keys() == {"About terns"}
    assert "1 deleted here" in on("other", "import", path).out
    assert "(1 new" in on("other", "import", "--restore", path).out
    on("other", "sync", "--once")
    on("one", "sync", "--once")
    assert texts("one") == texts("other")
    assert texts("one")["About gulls"] == ["What is gulls?", "A seabird."]
