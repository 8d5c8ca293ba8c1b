"""Documentation that comes from the program: keys in README.md, docs/configuration.md, docs/architecture.md.

``python -m docs.generate`` writes them anew; tests compare them with the program.
"""

from __future__ import annotations

import json
from pathlib import Path

from docs import architecture
from sterna.config import KNOWN
from sterna.tui.actions.bindings import keys_table

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
BEGIN, END = "<!-- keys -->\n", "<!-- /keys -->"

INTRODUCTION = """\
# Settings

Sterna reads `config.toml` in the folder that `sterna doctor` names (`STERNA_CONFIG_DIR` or `--config-dir` for another).
It need not exist. A setting that is misspelt or has a wrong value is named at the start, in a sentence, and the others
apply. The settings screen (`f9`) writes this file and keeps its comments.

A provider of models is a table `[endpoints.NAME]`; the table keeps its older name. API keys are not in
this file: `sterna keys set NAME` stores the key of a provider in the system's keyring, or in a file only you can read.
The tokens of `sterna login` are kept in the same place.

| setting | default | what |
|---|---|---|
"""

EXAMPLE = """
## An example

```toml
model = "openrouter/auto"
temperature = 0.4

[ui]
sidebar_width = 36

[keys]
"conversation.new" = "ctrl+e"
"conversation.search" = ["ctrl+f", "f3"]

[endpoints.work]
url = "https://llm.example.org/v1"
key_command = "pass show work/llm"
context_length = 32768
```

## The environment

| variable | what |
|---|---|
| `STERNA_DATA_DIR`, `STERNA_CONFIG_DIR` | where conversations and settings are |
| `OPENAI_API_KEY`, `OPENAI_BASE_URL` | a provider named `openai`, at any address |
| `OPENROUTER_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, `GROQ_API_KEY`, `MISTRAL_API_KEY` | a provider each |
| `OLLAMA_HOST` | where Ollama listens, if not in its usual place |
| `NO_COLOR` | no colour |
"""


def configuration() -> str:
    """The text of docs/configuration.md."""
    rows = [f"| `{known.path}` | {default(known.default)} | {known.help} |" for known in KNOWN]
    return INTRODUCTION + "\n".join(rows) + "\n" + EXAMPLE


def default(value: object) -> str:
    """A default as config.toml would have it."""
    return f"`{json.dumps(value)}`" if isinstance(value, str | bool | int | float) and value != "" else ""


def readme() -> str:
    """README.md with the keys as they are."""
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{keys_table()}\n{END}{after}"


def main() -> None:
    """Write all of them."""
    README.write_text(readme(), "utf-8")
    CONFIGURATION.write_text(configuration(), "utf-8")
    architecture.main()


if __name__ == "__main__":
    main()
