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
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from sterna.chat import add_discovered, build_catalog
from sterna.config import ConfigError, EndpointSettings, Settings, config_dir, credentials, load_personas, load_snippets
from sterna.storage import Store, StoreError, clean, open_account
from sterna.sync.status import sync_status

from ..context import CommandContext
from ..output import counted, paint, print_json
from ..setting_problems import setting_problems
from .analytics import doctor_analytics
from .finding import Finding
from .meaning import meaning_findings
from .repair import doctor_repair
from .tools import tool_findings

MIN_FREE = 20_000_000
"""Free bytes below which the disk of the history counts as nearly full."""
PACKAGES = ("textual", "httpx", "sqlite-utils", "click", "keyring")


@click.group(invoke_without_command=True, short_help="Check the setup and report problems.")
@click.option("--offline", is_flag=True, help="Do not contact providers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(ctx: click.Context, offline: bool, as_json: bool) -> int:
    """Check the program, its settings, the data file and the providers.

    Exit code 1 means that a problem was found. API keys are never shown.

    With --json the object has: ok, findings (each: name, ok, detail).
    """
    if ctx.invoked_subcommand is not None:
        return 0
    context = ctx.find_object(CommandContext)
    assert context is not None
    settings = context.read_settings()
    findings: list[Finding] = []
    for finding in _all(context, settings, offline=offline):
        findings.append(finding)
        if not as_json:
            mark = paint("ok   ", fg="green") if finding.ok else paint("FAIL ", fg="red", bold=True)
            click.echo(f"{mark} {finding.name}: {clean(finding.detail, newlines=False)}")
    ok = all(finding.ok for finding in findings)
    if as_json:
        listed = [{"name": finding.name, "ok": finding.ok, "detail": finding.detail} for finding in findings]
        print_json({"ok": ok, "findings": listed})
    return 0 if ok else 1


doctor.add_command(doctor_analytics)
doctor.add_command(doctor_repair)


def _all(context: CommandContext, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    yield from _program()
    exists = settings.path is not None and settings.path.exists()
    yield Finding("settings", f"{settings.path}{'' if exists else ' (not created yet)'}")
    yield from (Finding("settings", problem, ok=False) for problem in setting_problems(settings))
    yield from _writing(context)
    yield from _themes(context, settings)
    yield from _data(context)
    for endpoint in settings.endpoints:
        yield _key_of(context, endpoint)
    yield from meaning_findings(context, settings.meaning)
    yield from tool_findings(context, settings)
    if not offline:
        yield from asyncio.run(_providers(context, settings))


def _writing(context: CommandContext) -> Iterator[Finding]:
    """Yield personas and snippets, and each of their files that cannot be used."""
    personas, snippets = load_personas(context.config_dir), load_snippets(context.config_dir)
    if found := [*personas.by_name, *personas.problems]:
        yield Finding("personas", f"{counted(len(found), 'file')} in {personas.folder}")
    yield from (Finding("personas", problem, ok=False) for problem in personas.problems)
    if found := [*snippets.texts, *snippets.problems]:
        yield Finding("snippets", f"{counted(len(found), 'file')} in {snippets.folder}")
    yield from (Finding("snippets", problem, ok=False) for problem in snippets.problems)


def _themes(context: CommandContext, settings: Settings) -> Iterator[Finding]:
    """Yield themes of one's own, each of their files that cannot be used, and a chosen theme that there is not."""
    folder = config_dir(context.config_dir) / "themes"
    has_files = any(folder.glob("*.toml"))
    if not has_files and settings.theme in ("", "dark", "light"):
        return
    from sterna.tui.terminal.own_themes import missing_theme, own_themes  # loads Textual

    themes, problems = own_themes(folder)
    if has_files:
        yield Finding("themes", f"{counted(len(themes) + len(problems), 'file')} in {folder}")
    problems += missing_theme(settings.theme, folder)
    yield from (Finding("themes", problem, ok=False) for problem in problems)


def _program() -> Iterator[Finding]:
    yield Finding("sterna", f"{version('sterna')}, Python {platform.python_version()}, {platform.platform()}")
    installed = [f"SQLite {sqlite3.sqlite_version}"]
    missing = []
    for name in PACKAGES:
        try:
            installed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield Finding("packages", ", ".join(installed))
    if missing:
        yield Finding("packages", f"{', '.join(missing)} not installed. Install Sterna again.", ok=False)
    term, colors = os.environ.get("TERM", "not set"), os.environ.get("COLORTERM", "not set")
    yield Finding("terminal", f"TERM {term}, COLORTERM {colors}, encoding {sys.stdout.encoding}")


def _data(context: CommandContext) -> Iterator[Finding]:
    try:
        folder = context.folder()
        yield Finding("data folder", str(folder))
        yield from _permissions(folder, 0o700)
        with context.store() as store:
            yield from _data_file(store, open_account(folder))
    except StoreError as error:
        yield Finding("data", str(error), ok=False)


def _data_file(store: Store, path: Path) -> Iterator[Finding]:
    yield Finding("data file", f"{path}, {path.stat().st_size / 1e6:,.1f} MB")
    yield from _permissions(path, 0o600)
    if store.db.read_only is None and (free := shutil.disk_usage(path.parent).free) < MIN_FREE:
        yield Finding("disk", f"only {free / 1e6:.1f} MB free for {path}. Free some space on that disk.", ok=False)
    if store.db.read_only is not None:
        yield Finding("writing", f"{store.db.read_only} Until then the history can be read and exported.", ok=False)
    damage = store.maintenance.damage()
    yield Finding("integrity", "; ".join(damage) or "all pages and references are valid", ok=not damage)
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
    yield from _attachments(store)
    copies = sorted(path.parent.glob(f"{path.stem}.backup-*.db"))
    if copies:
        yield Finding("copies", ", ".join(copy.name for copy in copies))


def _attachments(store: Store) -> Iterator[Finding]:
    used = {item.attachment.id: item for item in store.attachments.used()}
    if used:
        total = sum(item.attachment.size for item in used.values())
        missing = sum(not item.is_here for item in used.values())
        absent = f", {missing} not on this device" if missing else ""
        yield Finding("attachments", f"{counted(len(used), 'file')}, {total / 1e6:,.1f} MB{absent}")
        if store.attachment_files.folder.exists():
            yield from _permissions(store.attachment_files.folder, 0o700)


def _permissions(path: Path, expected: int) -> Iterator[Finding]:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding(
            "permissions",
            f"{path} can be read by others (mode {mode:o}). Run: chmod {expected:o} {shlex.quote(str(path))}",
            ok=False,
        )


def _key_of(context: CommandContext, endpoint: EndpointSettings) -> Finding:
    name = f"API key of {endpoint.name}"
    if endpoint.key_env:
        is_set = bool(os.environ.get(endpoint.key_env, "").strip())
        return Finding(name, f"from ${endpoint.key_env}, which is {'set' if is_set else 'not set'}")
    if endpoint.key_command:
        return Finding(name, "from key_command")
    try:
        source = credentials.open_credentials(context.config_dir).source(endpoint.name)
    except ConfigError as error:
        return Finding(name, str(error), ok=False)
    return Finding(name, f"in the {source}" if source else "none")


async def _providers(context: CommandContext, settings: Settings) -> list[Finding]:
    catalog = build_catalog(settings, None, environ=os.environ, config_dir=context.config_dir)
    try:
        await add_discovered(catalog, settings, os.environ)
        models = await catalog.models()
    finally:
        await catalog.aclose()
    findings = []
    for name in catalog.names():
        endpoint = catalog.endpoint(name)
        address = f"{endpoint.shown}, " if endpoint else ""
        if name in catalog.problems:
            findings.append(Finding(f"provider {name}", catalog.problems[name], ok=False))
        else:
            count = sum(model.endpoint == name for model in models)
            findings.append(Finding(f"provider {name}", f"{address}{counted(count, 'model')}"))
    return findings
