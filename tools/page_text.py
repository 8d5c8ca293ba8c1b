"""Text of a page of the web, as Markdown: without scripts, styles and what is not shown.

``python -m sterna.tools.page_text ADDRESS`` reads HTML from standard input. A hostile page can keep a parser busy for
long, or make it use all memory. A process can be ended and limited; a thread cannot, and would slow down every key.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import urljoin

from .errors import ToolError

SECONDS = 20
MEMORY_BYTES = 1_000_000_000
_UNSEEN = ("script", "style", "noscript", "template", "svg", "iframe", "object", "canvas", "head", "form", "nav")


async def page_text(html: str, address: str) -> str:
    """Return the text of a page. Raises ToolError for one that cannot be read in time."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", __name__, address),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            text, _ = await process.communicate(html.encode("utf-8", "replace"))
    except TimeoutError:
        raise ToolError("The page is too complicated to be read.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ToolError("The page is too complicated to be read.")
    return text.decode("utf-8", "replace")


def as_markdown(html: str, address: str) -> str:
    """Return a page as Markdown, its links complete."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    page = BeautifulSoup(html, "html.parser")
    title = page.title.get_text(" ", strip=True) if page.title else ""
    for tag in page.find_all(_UNSEEN):
        tag.decompose()
    for link in page.find_all("a", href=True):
        target = urljoin(address, str(link["href"]))
        if target.startswith(("http://", "https://")):
            link["href"] = target
        else:
            link.unwrap()
    body = page.find("main") or page.body or page
    try:
        text = str(MarkdownConverter(heading_style="ATX", strip=["img"]).convert_soup(body))
    except RecursionError:  # thousands of elements inside each other
        text = body.get_text("\n", strip=True)
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    text = "\n".join(kept).strip()
    return f"# {title}\n\n{text}" if title and f"# {title}" not in text else text


def main(address: str) -> None:
    """Print the text of the page on standard input."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits
    sys.stdout.buffer.write(as_markdown(sys.stdin.buffer.read().decode("utf-8"), address).encode("utf-8", "replace"))


if __name__ == "__main__":
    main(sys.argv[1])
