"""References resolve: from code to the specification, and from page to page."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SUFFIXES = frozenset({".js", ".md", ".py", ".sql", ".tcss", ".toml", ".yaml", ".yml", ""})
"""Files in which a reference may stand; those without a suffix are Makefile and its like."""
SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist"})
ENTRY_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")

REFERENCE = re.compile(r"docs/specification/[A-Za-z0-9_-]+\.md(?:#[A-Za-z0-9_-]*[A-Za-z0-9_])?")
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
FENCE = re.compile(r"^ *(`{3,}|~{3,}).*?^ *\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)

OLD_KINDS = re.compile(
    r"contract [0-9]|sync\.md [0-9]|decision [0-9]|design [0-9]|\b10\.[A-K][0-9]"
    r"|(first|second|third|fourth|fifth) seed",
    re.IGNORECASE,
)
"""Numbers of papers that are not in the repository."""

PAGES = "docs/specification"
"""Of the samples below, which are no references of this file."""


def files(root: Path) -> list[Path]:
    """Return what belongs to the repository; in an unpacked archive, all that is not made by a tool."""
    if (root / ".git").exists():
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
        found = [root / name for name in names if name]
    else:
        found = list(_walked(root))
    return sorted(path for path in found if path.suffix in SUFFIXES and path.is_file())


def _walked(root: Path) -> Iterator[Path]:
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name not in SKIPPED and not name.startswith(".")]
        for name in names:
            yield Path(folder, name)


def text_of(path: Path) -> str:
    """Return a file's text; "" for one that is none."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def pages(root: Path) -> list[Path]:
    return [path for name in ENTRY_PAGES if (path := root / name).exists()] + sorted(root.glob("docs/**/*.md"))


def slug(heading: str) -> str:
    """Return the anchor that a heading gets where pages are shown."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", ANCHOR.sub("", heading)).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> Counter[str]:
    """Return every anchor of a page, and how often it stands there. Headings of one text are numbered."""
    text = FENCE.sub("", text_of(page))
    found = Counter(ANCHOR.findall(text))
    headings = Counter(slug(one) for one in HEADING.findall(text))
    for name, count in headings.items():
        found.update({name, *(f"{name}-{number}" for number in range(1, count))} - found.keys())
    return found


def problem(page: Path, anchor: str, known: dict[Path, Counter[str]]) -> str | None:
    """Return why a reference does not resolve; None when it does."""
    if not page.exists():
        return "no such file"
    if not anchor:
        return None
    if page not in known:
        known[page] = anchors(page)
    return None if anchor in known[page] else "no such anchor"


def unresolved(root: Path) -> list[str]:
    """Return every reference to the specification, and every link of a page, that leads nowhere."""
    known: dict[Path, Counter[str]] = {}
    lost = []
    for path in files(root):
        for reference in sorted(set(REFERENCE.findall(text_of(path)))):
            name, _, anchor = reference.partition("#")
            if why := problem(root / name, anchor, known):
                lost.append(f"{path.relative_to(root)}: {reference}: {why}")
    for page in pages(root):
        prose = CODE.sub("", FENCE.sub("", text_of(page)))
        for target in sorted(set(LINK.findall(prose))):
            if EXTERNAL.match(target):
                continue
            name, _, anchor = target.partition("#")
            place = (page.parent / name).resolve() if name else page
            if why := problem(place, anchor, known):
                lost.append(f"{page.relative_to(root)}: ({target}): {why}")
    return lost


def old_kinds(root: Path) -> dict[str, list[str]]:
    """Return, by file, every line with a number of a paper that is not in the repository."""
    found: dict[str, list[str]] = {}
    for path in files(root):
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if OLD_KINDS.search(line):
                found.setdefault(path.relative_to(root).as_posix(), []).append(f"{number}: {line.strip()}")
    return found


def test_every_reference_leads_to_a_page_and_its_anchor() -> None:
    assert unresolved(ROOT) == []


def test_no_reference_leads_out_of_the_repository() -> None:
    assert old_kinds(ROOT) == {}


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_an_anchor_stands_once_in_its_page(page: Path) -> None:
    assert [name for name, count in anchors(page).items() if count > 1] == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small repository in which every kind of reference resolves."""
    page = tmp_path / PAGES / "endpoints.md"
    page.parent.mkdir(parents=True)
    page.write_text('# Endpoints\n\n<a id="sync-push"></a>\n## POST `/sync`\n\n[up](../server.md#at-home)\n', "utf-8")
    (tmp_path / "docs" / "server.md").write_text("# Server\n\n## At home\n\n[here](#server)\n", "utf-8")
    (tmp_path / "README.md").write_text(
        f"[how]({PAGES}/endpoints.md#post-sync), [out](https://example.org/none.md#none),"
        " `[code](none.md)`\n\n```\n[more code](none.md)\n```\n",
        "utf-8",
    )
    (tmp_path / "code.py").write_text(f'"""See {PAGES}/endpoints.md#sync-push."""\n', "utf-8")
    return tmp_path


def test_a_tree_in_order_has_nothing_unresolved(tree: Path) -> None:
    assert unresolved(tree) == []
    assert old_kinds(tree) == {}


@pytest.mark.parametrize(
    ("name", "before", "after", "lost"),
    [
        (f"{PAGES}/endpoints.md", '<a id="sync-push"></a>\n', "", "code.py"),
        (f"{PAGES}/endpoints.md", "## POST", "## PUT", "README.md"),
        ("docs/server.md", "## At home", "## At work", "endpoints.md"),
        ("docs/server.md", "# Server", "# Another", "server.md"),
        ("code.py", "endpoints.md", "endpoint.md", "code.py"),
        ("README.md", f"{PAGES}/endpoints.md", "docs/endpoints.md", "README.md"),
    ],
)
def test_a_reference_that_leads_nowhere_is_noticed(tree: Path, name: str, before: str, after: str, lost: str) -> None:
    text = text_of(tree / name)
    assert before in text
    (tree / name).write_text(text.replace(before, after), "utf-8")
    assert {one.partition(": ")[0].rpartition("/")[2] for one in unresolved(tree)} == {lost}


@pytest.mark.parametrize(
    "paper", ["contract {}", "Contract {}", "sync.md {}", "decision {}", "design {}", "second {}", "Fifth {}"]
)
def test_a_paper_that_is_elsewhere_is_noticed(tree: Path, paper: str) -> None:
    text = paper.format("seed" if paper.lower().startswith(("second", "fifth")) else "6.1")
    (tree / "code.py").write_text(f"# as {text} says\n", "utf-8")
    assert old_kinds(tree) == {"code.py": [f"1: # as {text} says"]}
