"""Clients of other projects against a server in its own process.

They need Node.js and the packages of package-lock.json, which `make test` installs where npm is there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sterna.server.database.embedded import Embedded

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
LIMIT = 120
"""Time limit of a client on a busy computer."""


@pytest.fixture(scope="module")
def node() -> str:
    """Path of Node.js; skips the test if it or its packages are missing."""
    result = shutil.which("node")
    if result is None:
        pytest.skip("Node.js is not installed, so the clients written in JavaScript cannot be tried.")
    if not (PACKAGES / "@supabase").is_dir():
        pytest.skip("The packages are not installed: run `make clients` (it needs npm and the network).")
    return result


@pytest.fixture(scope="module")
def server(postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server in its own process."""
    folder = tmp_path_factory.mktemp("server")
    environment = {
        "PATH": os.environ["PATH"],
        "STERNA_DATA_DIR": str(folder / "data"),
        "STERNA_CONFIG_DIR": str(folder / "config"),
        "STERNA_SERVE_DATABASE_URL": postgres.url,
        "STERNA_SERVE_ADMIN_URL": postgres.admin_url,
    }
    command = [
        str(Path(sys.executable).parent / "sterna"),
        "serve",
        "--port",
        "0",
        "--signup",
        "open",
        "--no-rate-limits",
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            assert address.startswith("http://"), (folder / "log").read_text()
            yield address
        finally:
            process.terminate()
    assert process.returncode == 0, (folder / "log").read_text()


def run(node: str, *arguments: str, folder: Path = HERE) -> str:
    """Run a script of Node's with nothing of this machine's settings; give what it printed."""
    done = subprocess.run(
        [node, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_supabase_js_signs_in_reads_and_calls(node: str, server: str) -> None:
    email = f"{uuid4().hex[:12]}@example.org"
    result: dict[str, Any] = json.loads(run(node, "supabase.mjs", server, email, "correct horse battery"))
    assert result == {
        "unsigned": [None, "PGRST302", 401],
        "anonymous": "anonymous_provider_disabled",
        "otp": "otp_disabled",
        "recovery": "email_provider_disabled",
        "signUp": [None, email, 1, True],
        "again": "user_already_exists",
        "signOut": None,
        "wrong": "invalid_credentials",
        "signIn": [None, "Ada"],
        "user": email,
        "refresh": None,
        "update": "Ada L.",
        "pushed": 4,
        "all": [["c1", 1, True], ["c2", 2, True], ["c3", 3, True], ["c4", 4, True]],
        "select": [{"id": "c1", "heading": "Heaps, stacks", "n": "1"}],
        "filters": {
            "eq": "c1",
            "neq": "c2c3c4",
            "gt": "c3c4",
            "gte": "c2c3c4",
            "lt": "c1",
            "lte": "c1c2",
            "in": "c1c4",
            "is": "c3",
            "like": "c1c2",
            "ilike": "c2",
            "not": "c3c4",
            "or": "c1c4",
            "match": "c2",
            "filter": "c3",
            "time": "c3c4",
        },
        "order": "c4c3c2c1",
        "limit": "c1c2",
        "range": "c2c3",
        "count": [3, None, 200],
        "single": {"id": "c1"},
        "notSingle": [None, "PGRST116", 406],
        "maybeSingle": [None, {"id": "c2"}],
        "csv": "id,message_count\nc1,1\nc2,2\n",
        "rpc": {
            "value": True,
            "rows": "c2c3",
            "get": "c3",
            "single": {"id": "c2", "title": "Trees"},
            "head": 4,
            "closed": [None, "PGRST202", 404],
            "foreign": [None, "42501", 403],
        },
        "refused": {
            "insert": [None, "PGRST117", 405],
            "update": [None, "PGRST117", 405],
            "delete": [None, "PGRST117", 405],
            "embed": [None, "PGRST200", 400],
            "unknown": [None, "PGRST205", 404],
            "column": [None, "42703", 400],
            "text": [None, "PGRST100", 400],
            "schema": [None, "PGRST106", 406],
        },
        "after": "c1c2c3c4",
        "signedOut": [None, "PGRST302", 401],
    }


def test_openapi_typescript_makes_types_that_a_client_compiles_with(node: str, server: str, tmp_path: Path) -> None:
    generator = PACKAGES / "openapi-typescript" / "bin" / "cli.js"
    compiler = PACKAGES / "typescript" / "bin" / "tsc"
    run(node, str(generator), f"{server}/openapi.json", "--output", str(tmp_path / "generated.ts"))
    for name in ("typed.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, tmp_path)
    run(node, str(compiler), "--project", str(tmp_path / "tsconfig.json"), folder=tmp_path)
