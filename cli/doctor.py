"""``sterna doctor``: check the setup and report problems."""

from __future__ import annotations

import asyncio
import os
import platform
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from sterna.chat import add_discovered, build_catalog
from sterna.config import ConfigError, EndpointSettings, Settings, credentials
from sterna.storage import Store, StoreError, clean, open_account
from sterna.sync.status import sync_status

from .context import Place
from .doctor_analytics import doctor_analytics
from .doctor_repair import doctor_repair
from .output import counted, paint, print_json

LEAST_FREE = 20_000_000
"""Bytes on the disk of the history, below which it may soon not be written any more."""
PACKAGES = ("textual", "httpx", "sqlite-utils", "click", "keyring")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    detail: str
    ok: bool = True


@click.group(invoke_without_command=True, short_help="Check the setup and report problems.")
@click.option("--offline", is_flag=True, help="Do not contact providers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(context: click.Context, offline: bool, as_json: bool) -> int:
    """Check the program, its settings, the data file and the providers.

    Exit code 1 when something is wrong. Keys are never shown.

    With --json the object has: ok, findings (each: name, ok, detail).
    """
    if context.invoked_subcommand is not None:
        return 0
    place = context.find_object(Place)
    assert place is not None
    settings = place.read_settings()
    findings: list[Finding] = []
    for finding in _all(place, settings, offline=offline):
        findings.append(finding)
        if not as_json:
            mark = paint("ok   ", fg="green") if finding.ok else paint("WRONG", fg="red", bold=True)
            click.echo(f"{mark} {finding.name}: {clean(finding.detail, newlines=False)}")
    fine = all(finding.ok for finding in findings)
    if as_json:
        listed = [{"name": one.name, "ok": one.ok, "detail": one.detail} for one in findings]
        print_json({"ok": fine, "findings": listed})
    return 0 if fine else 1


doctor.add_command(doctor_analytics)
doctor.add_command(doctor_repair)


def _all(place: Place, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    yield from _program()
    made = settings.path is not None and settings.path.exists()
    yield Finding("settings", f"{settings.path}{'' if made else ' (not made yet)'}")
    yield from (Finding("settings", problem, ok=False) for problem in settings.problems)
    yield from _data(place)
    for endpoint in settings.endpoints:
        yield _key(place, endpoint)
    if not offline:
        yield from asyncio.run(_endpoints(place, settings))


def _program() -> Iterator[Finding]:
    yield Finding("sterna", f"{version('sterna')}, Python {platform.python_version()}, {platform.platform()}")
    found = [f"SQLite {sqlite3.sqlite_version}"]
    missing = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield Finding("packages", ", ".join(found))
    if missing:
        yield Finding("packages", f"{', '.join(missing)} not installed; install Sterna again", ok=False)
    term, colours = os.environ.get("TERM", "not set"), os.environ.get("COLORTERM", "not set")
    yield Finding("terminal", f"TERM {term}, COLORTERM {colours}, text as {sys.stdout.encoding}")


def _data(place: Place) -> Iterator[Finding]:
    try:
        folder = place.folder()
        yield Finding("data folder", str(folder))
        yield from _private(folder, 0o700)
        with place.store() as store:
            yield from _file(store, open_account(folder))
    except StoreError as error:
        yield Finding("data", str(error), ok=False)


def _file(store: Store, path: Path) -> Iterator[Finding]:
    yield Finding("data file", f"{path}, {path.stat().st_size / 1e6:,.1f} MB")
    yield from _private(path, 0o600)
    if store.db.read_only is None and (free := shutil.disk_usage(path.parent).free) < LEAST_FREE:
        yield Finding("disk", f"{free / 1e6:.1f} MB are free for {path}. Make room on that disk.", ok=False)
    if store.db.read_only is not None:
        yield Finding("writing", f"{store.db.read_only} Until then the history can be read and exported.", ok=False)
    damage = store.maintenance.damage()
    yield Finding("soundness", "; ".join(damage) or "every page and every reference is in order", ok=not damage)
    if values := store.damaged_values.find():
        listed = ", ".join(map(str, values))
        yield Finding("values", f"damaged: {listed}. Run: sterna doctor repair", ok=False)
    health = store.maintenance.analyze_database_health()
    counts = [
        counted(health["total_conversations"], "conversation"),
        counted(health["total_messages"], "message"),
    ]
    if arriving := store.arriving_replies.of():
        counts.append(counted(len(arriving), "reply arriving", "replies arriving"))
    yield Finding("history", ", ".join(counts))
    yield Finding("sync", sync_status(store))
    copies = sorted(path.parent.glob(f"{path.stem}.backup-*.db"))
    if copies:
        yield Finding("copies", ", ".join(copy.name for copy in copies))


def _private(path: Path, wanted: int) -> Iterator[Finding]:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding(
            "privacy",
            f"{path} is open to others (mode {mode:o}). Run: chmod {wanted:o} {shlex.quote(str(path))}",
            ok=False,
        )


def _key(place: Place, endpoint: EndpointSettings) -> Finding:
    name = f"key of {endpoint.name}"
    if endpoint.key_env:
        there = bool(os.environ.get(endpoint.key_env, "").strip())
        return Finding(name, f"from ${endpoint.key_env}, which is {'set' if there else 'not set'}")
    if endpoint.key_command:
        return Finding(name, "from key_command")
    try:
        source = credentials.open_credentials(place.config_dir).source(endpoint.name)
    except ConfigError as error:
        return Finding(name, str(error), ok=False)
    return Finding(name, f"in the {source}" if source else "none kept")


async def _endpoints(place: Place, settings: Settings) -> list[Finding]:
    catalog = build_catalog(settings, None, environ=os.environ, config_dir=place.config_dir)
    try:
        await add_discovered(catalog, settings, os.environ)
        models = await catalog.models()
    finally:
        await catalog.aclose()
    findings = []
    for name in catalog.names():
        endpoint = catalog.endpoint(name)
        where = f"{endpoint.shown}, " if endpoint else ""
        if name in catalog.problems:
            findings.append(Finding(f"provider {name}", catalog.problems[name], ok=False))
        else:
            count = sum(model.endpoint == name for model in models)
            findings.append(Finding(f"provider {name}", f"{where}{counted(count, 'model')}"))
    return findings
