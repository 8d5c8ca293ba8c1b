"""``sterna models pull``."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import Run

LINES = (
    {"status": "pulling manifest"},
    {"status": "pulling aa", "digest": "sha256:aa", "total": 4_000_000, "completed": 1_000_000},
    {"status": "pulling aa", "digest": "sha256:aa", "total": 4_000_000, "completed": 4_000_000},
    {"status": "success"},
)


class Ollama(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._say({"models": [{"name": "tiny:latest", "model": "tiny:latest"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._say(*(LINES if asked["model"] == "tiny" else [{"error": "file does not exist"}]))

    def _say(self, *objects: object) -> None:
        body = "\n".join(map(json.dumps, objects)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ollama(home: Path) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Ollama) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        (home / "config" / "config.toml").write_text(
            f'discover = false\n[endpoints.home]\nurl = "http://127.0.0.1:{server.server_port}"\nprotocol = "ollama"\n'
        )
        yield
        server.shutdown()


@pytest.mark.usefixtures("ollama")
def test_a_model_is_downloaded_with_its_progress_and_named_as_it_is_listed(run: Run) -> None:
    pulled = run("models", "pull", "tiny")
    assert (pulled.code, pulled.out) == (0, "home/tiny:latest\n")
    assert pulled.err.splitlines() == [
        "home/tiny: pulling manifest",
        "home/tiny: 1 MB of 4 MB, 25%",
        "home/tiny: 4 MB of 4 MB, 100%",
        "home/tiny: success (4 MB are there)",
    ]
    failed = run("models", "pull", "home/big")
    assert (failed.code, failed.out) == (1, "")
    assert "no model named “big” to download" in failed.err
    assert run("models").out.splitlines()[0].startswith("home/tiny:latest")
    nobody = run("models", "pull", "guide/guide")
    assert (nobody.code, "downloads no models. Those that do: home." in nobody.err) == (1, True)
