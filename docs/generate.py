"""Documentation generated from the program: tables in README.md, configuration.md, architecture.md.

``python -m docs.generate`` writes it again; tests compare it with the program.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from docs import architecture
from docs.features import features_table
from docs.protocols import protocols_table
from sterna.cli.commands import sterna
from sterna.config import SETTINGS
from sterna.tui.actions.bindings import key_names, keys_table
from sterna.tui.actions.presets import PRESETS, preset_keys
from sterna.tui.actions.registry import ACTIONS
from sterna.tui.prompt.slash_commands import table as slash_commands_table
from sterna.tui.terminal.themes import OFFERED

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"

INTRODUCTION = """\
# Settings

Sterna reads `config.toml` in its configuration folder, which `sterna doctor` shows. `STERNA_CONFIG_DIR` or
`--config-dir` choose another folder. The file need not exist. A setting that is misspelt or has an invalid value is
reported at start, and the others apply. The settings screen (`ctrl+x ,`) writes this file and keeps its comments.

A running chat applies changes of the file within a few seconds: to theme, keys, providers, servers of tools and the
search by meaning. While the file cannot be read, the settings stay as they were. `ui.mouse` and `ui.symbols` are read
at the next start.

A provider of models is a table `[endpoints.NAME]`. API keys are not in this file: `sterna keys set NAME` stores the key
of a provider in the system's keyring, or in a file that only you can read. The tokens of `sterna login` are stored in
the same place.

A server of tools is a table `[mcp.NAME]`: [tools.md](tools.md) explains it.

| setting | default | meaning |
|---|---|---|
"""

EXAMPLE = """
## Example

```toml
model = "openrouter/auto"
temperature = 0.4

[ui]
sidebar_width = 36

[keys]
"conversation.new" = "alt+w"
"conversation.search" = ["leader slash", "f3"]

[endpoints.work]
url = "https://llm.example.org/v1"
key_command = "pass show work/llm"
context_length = 32768

[mcp.time]
command = "uvx"
args = ["mcp-server-time"]
```

## Keys

`ui.keys` chooses a preset: `default`, `vim` or `emacs`. The screen of key bindings, from the settings, changes single
keys and shows with which action a key clashes; it writes them under `[keys]`, where `"leader r"` stands for the leader
key and then `r`.

`vim` is about the list and the messages: there letters are commands, as in vim's normal mode, and `i` goes to the
prompt as to its insert mode (`esc` goes back to the prompt, not out of it). It does not edit modally: the prompt is an
ordinary text field with no normal mode, no counts, no registers and no `:` commands but the palette, which `:` opens.
For vim itself, `ctrl+e` opens the prompt in `$EDITOR`. Movement by `j`, `k`, `g` and `G` is there in every preset,
unless `ui.vim` is off.

`emacs` has the keys of its movements, in the prompt too; its commands of two keys begin with `ctrl+x`, as all of
Sterna's do. Keys that the two presets add or change:

{presets}

## Themes

Ten themes are offered: {themes}. Any other theme of
Textual can be set by its name, such as `theme = "monokai"`; its colors are shifted until text and controls can be read.

A theme of your own is a file `themes/NAME.toml` beside `config.toml`. All of it is optional: what is left out is
derived from the rest. The list of themes shows it at once, and says what is wrong with a file that cannot be used.

```toml
dark = true                  # else: as dark as the background
background = "#101b27"
foreground = "#d5dfe8"
primary = "#7cc4ff"          # keys, headings, the focus
# secondary, accent, success, warning, error: colors of text
# surface, panel: grounds of the list and of dialogs
```

## Environment variables

| variable | meaning |
|---|---|
| `STERNA_DATA_DIR`, `STERNA_CONFIG_DIR` | folders of conversations and of settings |
| `OPENAI_API_KEY`, `OPENAI_BASE_URL` | API key and address of a provider named `openai` |
| `OPENROUTER_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, `GROQ_API_KEY`, `MISTRAL_API_KEY` | API key for it |
| `OLLAMA_HOST` | address of Ollama, if it is not the default |
| `NO_COLOR` | if set, no colors |
"""


def configuration() -> str:
    """Return the text of docs/configuration.md."""
    rows = [f"| `{setting.path}` | {default(setting.default)} | {setting.help} |" for setting in SETTINGS]
    themes = ", ".join(f"`{name}`" for name in OFFERED)
    example = EXAMPLE.replace("{themes}", themes).replace("{presets}", presets_table())
    return INTRODUCTION + "\n".join(rows) + "\n" + example


def presets_table() -> str:
    """Return the actions whose keys differ in a preset as a Markdown table."""
    named = [(name, preset_keys(name)) for name in PRESETS if name != "default"]
    rows = ["| action | default | " + " | ".join(name for name, _ in named) + " |", "|---" * (2 + len(named)) + "|"]
    for action in ACTIONS:
        own = [keys.get(action.id) for _, keys in named]
        if any(own):
            shown = [key_names(action.key), *(key_names(keys) if keys else "" for keys in own)]
            cells = " | ".join(f"`{keys}`".replace("|", "\\|") if keys else "" for keys in shown)
            rows.append(f"| {action.title} (`{action.id}`) | {cells} |")
    return "\n".join(rows)


def default(value: object) -> str:
    """Return a default as it is written in config.toml."""
    return f"`{json.dumps(value)}`" if isinstance(value, str | bool | int | float) and value != "" else ""


def readme() -> str:
    """Return README.md with the current commands and keys."""
    page = between(README.read_text("utf-8"), "features", features_table())
    page = between(page, "protocols", protocols_table())
    page = between(page, "commands", commands_table())
    page = between(page, "slash commands", slash_commands_table())
    return between(page, "keys", keys_table())


def commands_table() -> str:
    """Return the commands and their short descriptions as a Markdown table."""
    context = click.Context(sterna)
    commands = [(name, sterna.get_command(context, name)) for name in sterna.list_commands(context)]
    rows = [f"| `sterna {name}` | {command.get_short_help_str(100)} |" for name, command in commands if command]
    return "\n".join(["| command | |", "|---|---|", *rows])


def between(page: str, mark: str, text: str) -> str:
    """Return ``page`` with ``text`` between the comments ``<!-- mark -->`` and ``<!-- /mark -->``."""
    before, _, rest = page.partition(f"<!-- {mark} -->\n")
    _, _, after = rest.partition(f"<!-- /{mark} -->")
    return f"{before}<!-- {mark} -->\n{text}\n<!-- /{mark} -->{after}"


def main() -> None:
    """Write all generated documentation."""
    README.write_text(readme(), "utf-8")
    CONFIGURATION.write_text(configuration(), "utf-8")
    architecture.main()


if __name__ == "__main__":
    main()
