"""``python -m tests.browser``: an HTML export in Chromium; exit code 1 when it does not look or behave as it should."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pypdf import PdfReader

from sterna.exporters.chat import Chat
from sterna.exporters.files import ExportFiles
from sterna.exporters.format import Options
from sterna.exporters.registry import make
from sterna.storage import Conversation, Message

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=3000"),
)
SIZES = {"desktop": "1300,900", "phone": "500,900"}
AT = "2026-03-01T09:00:00.000000Z"
REPLY = f"""# One
## Two
### Three

{"long" * 100} https://example.org/{"path/" * 40}

| Name | Weight | Where it lives | What else there is to say about it |
|---|---:|---|---|
| Arctic tern | 100 g | Arctic and Antarctic | {"Much. " * 20} |

```python
print("{"x" * 300}")
```
"""
ARABIC = "مرحبا\n\n- أولا\n- ثانيا"
PROBE = """
const problems = [];
addEventListener("securitypolicyviolation", event => problems.push(event.violatedDirective));
addEventListener("error", event => problems.push(event.message));
const size = query => parseFloat(getComputedStyle(document.querySelector(query)).fontSize);
const top_ = query => document.querySelector(query).getBoundingClientRect().top;
const field = document.getElementById("search");
const result = {
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  sizes: ["#c0 section h1", "#c0 section h2", "#c0 section h3:not(:first-child)", "#c0 section p"].map(size),
  lists: [...document.querySelectorAll("#c1 ul")].map(list => getComputedStyle(list).direction),
  list_first: top_("nav") < top_("main"),
  back: getComputedStyle(document.body).backgroundColor,
};
field.value = "arctic WEIGHS";
field.dispatchEvent(new Event("input"));
setTimeout(() => {
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  result.found = document.getElementById("found").textContent;
  result.shown = [...document.querySelectorAll("article:not([hidden])")].map(article => article.id);
  result.marked = CSS.highlights.get("found").size;
  result.opened = document.querySelectorAll("details[open]").length;
  result.problems = problems;
  const printed = document.createElement("script");
  printed.type = "application/json";
  printed.id = "probe";
  printed.textContent = JSON.stringify(result);
  document.body.append(printed);
}, 600);
"""


def page() -> str:
    """Return an export of two conversations."""
    calls = {"tool_calls": [{"name": "weigh", "arguments": "tern", "result": "It weighs 100 g", "at": 0, "id": "t"}]}
    texts = (("c0", "Terns", REPLY, calls), ("c1", "مرحبا", ARABIC, {}))
    chats = []
    for name, title, text, metadata in texts:
        row = Conversation(name, "u", title, AT, AT, AT, 2, 0, "acme/small", None, None)
        asked = Message(f"{name}q", name, "user", "Tell me", AT)
        reply = Message(f"{name}r", name, "assistant", text, AT.replace("09:", "10:"), metadata=metadata)
        chats.append(Chat(row, {}, (asked, reply)))
    return "".join(make("html").pieces(chats, ExportFiles(), Options()))


def probed(browser: str, folder: Path, size: str, *more: str) -> dict[str, Any]:
    """Return what a script finds out in the page, which its policy allows for this."""
    allowed = b64encode(sha256(PROBE.encode()).digest()).decode()
    text = page().replace("script-src ", f"script-src 'sha256-{allowed}' ")
    path = folder / "page.html"
    path.write_text(text.replace("</body>", f"<script>{PROBE}</script></body>"), "utf-8")
    found = run(browser, folder, f"--window-size={size}", "--dump-dom", *more, path.as_uri())
    return dict(json.loads(unescape(found.partition('id="probe">')[2].partition("</script>")[0])))


def run(browser: str, folder: Path, *arguments: str) -> str:
    command = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def problems(browser: str, folder: Path) -> list[str]:
    """Return what is wrong, as sentences."""
    wrong = []
    pages = {name: probed(browser, folder, size) for name, size in SIZES.items()}
    for name, found in pages.items():
        expected = {
            "wide": 0, "lists": ["rtl"], "list_first": name == "phone", "found": "1 of 2", "shown": ["c0"],
            "marked": 4, "opened": 1, "problems": [],
        }  # fmt: skip
        wrong += [f"{name}: {key} is {found.get(key)!r}, not {value!r}." for key, value in expected.items()
                  if found.get(key) != value]  # fmt: skip
        if found["sizes"] != sorted(found["sizes"], reverse=True) or len(set(found["sizes"])) != 4:
            wrong.append(f"{name}: headings are {found['sizes']} pixels high.")
    dark = probed(browser, folder, SIZES["desktop"], "--blink-settings=preferredColorScheme=0")
    if dark["back"] == pages["desktop"]["back"]:
        wrong.append("The page is not dark where the system is.")
    (folder / "plain.html").write_text(page(), "utf-8")
    run(browser, folder, f"--print-to-pdf={folder / 'page.pdf'}", (folder / "plain.html").as_uri())
    printed = "".join(sheet.extract_text() for sheet in PdfReader(folder / "page.pdf").pages)
    if "It weighs 100 g" not in printed:
        wrong.append("What is folded is not printed.")
    return wrong


def main() -> int:
    """Look at the page, and print what is wrong."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        print("Install Chromium first: apt install chromium", file=sys.stderr)
        return 1
    with TemporaryDirectory() as folder:
        found = problems(browser, Path(folder))
    print("\n".join(found) or "The HTML export is as it should be.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
