"""Picture and table of the rooms in docs/architecture.md, drawn from the imports in the code.

``python -m docs.architecture`` writes both anew; a test compares them with the code. An arrow is solid where importing
the one room loads the other, and dotted where every import waits for a function to run or is for types alone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src"
PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- rooms -->\n", "<!-- /rooms -->"
PACKAGE = "sterna"

LAYERS = (
    ("tui", "cli"),
    ("tools",),
    ("chat", "importers", "exporters", "sync", "server"),
    ("providers", "config", "net", "storage"),
)
"""Order in the picture: a room stands above those that it imports."""


def rooms() -> list[str]:
    """Return the packages in the package of the project, those of :data:`LAYERS` first."""
    found = {path.parent.name for path in (ROOT / PACKAGE).glob("*/__init__.py")}
    known = [name for layer in LAYERS for name in layer if name in found]
    return known + sorted(found - set(known))


def sources(room: str) -> Iterator[Path]:
    """Yield the Python files of ``room``."""
    yield from sorted((ROOT / PACKAGE / room).rglob("*.py"))


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """Return the top-level name of each absolute import, and whether importing the file loads it."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    pending: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text("utf-8")), True)]
    while pending:
        node, is_loaded = pending.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield top(alias.name), is_loaded
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            if node.module == PACKAGE:
                for alias in node.names:
                    yield alias.name, is_loaded
            else:
                yield top(node.module), is_loaded
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += [(child, False) for child in node.body] + [(child, is_loaded) for child in node.orelse]
        else:
            is_loaded = is_loaded and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            pending += [(child, is_loaded) for child in statements(node)]


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements directly below a node, and what holds more of them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child


def top(name: str) -> str:
    """Return the first part of a module's name, below the package of the project."""
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == PACKAGE and rest else first


def edges() -> dict[tuple[str, str], bool]:
    """Return the imports between rooms, each with whether it is loaded with the importing file."""
    names = rooms()
    found: dict[tuple[str, str], bool] = {}
    for room in names:
        for path in sources(room):
            for name, is_loaded in imports(path):
                if name in names and name != room:
                    found[room, name] = found.get((room, name), False) or is_loaded
    order = {name: place for place, name in enumerate(names)}
    return dict(sorted(found.items(), key=lambda edge: (order[edge[0][0]], order[edge[0][1]])))


def picture() -> str:
    """Return the rooms, their folders and the imports between them as a Mermaid flowchart."""
    lines = ["flowchart TB"]
    for name in rooms():
        inner = sorted(path.parent.name for path in (ROOT / PACKAGE / name).glob("*/__init__.py"))
        lines.append(f'    {name}["<b>{name}</b>{"<br/>" if inner else ""}{", ".join(inner)}"]')
    for (room, entered), is_loaded in edges().items():
        lines.append(f"    {room} {'-->' if is_loaded else '-.->'} {entered}")
    return "\n".join(["```mermaid", *lines, "```"])


def table() -> str:
    """Return what is in each room, which rooms it imports, and which packages."""
    lines = ["| room | contents | imports | packages |", "|---|---|---|---|"]
    names = rooms()
    for room in names:
        entered = [f"`{name}`" for importer, name in edges() if importer == room]
        ours = {*names, *sys.stdlib_module_names}
        packages = {name for path in sources(room) for name, _ in imports(path)} - ours
        listed = ", ".join(f"`{name}`" for name in sorted(packages))
        lines.append(f"| `{room}` | {summary(room)} | {', '.join(entered) or 'none'} | {listed or 'none'} |")
    return "\n".join(lines)


def summary(room: str) -> str:
    """Return the first sentence of a room's docstring."""
    text = ast.get_docstring(ast.parse((ROOT / PACKAGE / room / "__init__.py").read_text("utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).removesuffix(".")


def page() -> str:
    """Return docs/architecture.md with the picture and the table as the code has them."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{picture()}\n\n{table()}\n{END}{after}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
