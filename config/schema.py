"""All settings, as the table from which reading, checking, the documentation and ``sterna doctor`` derive."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .kinds import BOOLEAN, INTEGER, KEYS, NUMBER, TEXT, TEXTS, URL
from .provider_schema import PROVIDER_SETTINGS
from .setting import Setting
from .tool_schema import TOOL_SETTINGS

SETTINGS: tuple[Setting, ...] = (
    Setting("model", TEXT, "", "Default model, as provider/model. Empty: the first available."),
    Setting("system_prompt", TEXT, "", "Instructions for the model in every conversation that has none of its own."),
    Setting(
        "temperature",
        NUMBER,
        None,
        "Randomness of replies: 0 = focused, 2 = creative. Not set: model default.",
        minimum=0,
        maximum=2,
    ),
    Setting("max_tokens", INTEGER, None, "Maximum length of a reply, in tokens. Not set: model default.", minimum=1),
    Setting(
        "reasoning_effort",
        TEXT,
        "",
        "Effort of models that reason. Empty: model default.",
        choices=("", "low", "medium", "high"),
    ),
    Setting(
        "context",
        TEXT,
        "drop",
        "What to do with the beginning of a conversation that no longer fits into a request: drop it, or let the model "
        "summarise it. A conversation may have its own choice.",
        choices=("drop", "summarise"),
    ),
    Setting(
        "history.providers",
        TEXTS,
        (),
        "Providers that get passages of your history without a question each time, when you ask your history.",
    ),
    Setting("theme", TEXT, "", "Name of a theme. Empty: Sterna's own."),
    Setting(
        "similar",
        BOOLEAN,
        True,
        "Point out questions that you have asked before. They are compared on this computer, by their words.",
    ),
    Setting(
        "discover",
        BOOLEAN,
        True,
        "At start, look for API keys in the environment and for model servers on this computer.",
    ),
    Setting(
        "titles.generate",
        BOOLEAN,
        False,
        "Let a model title new conversations. It gets the first question and reply, and never replaces a title of "
        "yours. false: the title is the beginning of the question.",
    ),
    Setting(
        "titles.model",
        TEXT,
        "",
        "Model for titles, as provider/model. Empty: the one that replied. A cheap one will do.",
    ),
    Setting(
        "budget.daily",
        NUMBER,
        None,
        "US dollars that the replies of a day may cost. From 80 % on you are warned.",
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "budget.monthly",
        NUMBER,
        None,
        "US dollars that the replies of a month may cost. From 80 % on you are warned.",
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "budget.stop",
        BOOLEAN,
        False,
        "Send nothing that costs money once a budget is used up. What you write is stored.",
    ),
    *(
        Setting(
            f"prices.MODEL.{name}",
            NUMBER,
            None,
            f"US dollars per million tokens of {what}, for a model (provider/model) whose provider states no price.",
            minimum=0,
            maximum=1_000_000,
        )
        for name, what in (("input", "input"), ("output", "output"), ("cached_input", "input that was cached"))
    ),
    Setting("ui.sidebar", BOOLEAN, True, "Show the sidebar, the list of conversations."),
    Setting("ui.sidebar_width", INTEGER, 32, "Sidebar width, in columns.", minimum=16, maximum=80),
    Setting("ui.images", BOOLEAN, True, "Show attached images in the messages."),
    Setting("ui.show_reasoning", BOOLEAN, False, "Expand reasoning by default."),
    Setting("ui.show_token_count", BOOLEAN, True, "Show token count and duration under each reply."),
    Setting(
        "ui.keys",
        TEXT,
        "default",
        "Preset of keys. vim: more letters in the list and in the messages; emacs: its keys for moving and editing.",
        choices=("default", "vim", "emacs"),
    ),
    Setting("ui.vim", BOOLEAN, True, "Vim-style movement (j k g G, o) in lists and in the transcript."),
    Setting("ui.mouse", BOOLEAN, True, "Use the mouse. false: the terminal selects text with it."),
    Setting("ui.animation", BOOLEAN, True, "Animations of panels and scrolling."),
    Setting(
        "ui.symbols",
        TEXT,
        "auto",
        "Draw with Unicode or with plain ASCII. auto: Unicode if the terminal's locale allows it.",
        choices=("auto", "unicode", "ascii"),
    ),
    Setting("ui.confirm_delete", BOOLEAN, False, "Ask before a conversation is deleted, although that can be undone."),
    Setting(
        "ui.notify",
        TEXT,
        "notify",
        "What to do when a long reply is complete while the terminal is not in focus: nothing, ring its bell, or show "
        "a notification of the desktop too.",
        choices=("off", "bell", "notify"),
    ),
    Setting(
        "ui.notify_after",
        NUMBER,
        10.0,
        "Seconds from which on a reply counts as long.",
        minimum=0,
        maximum=86400,
    ),
    Setting("ui.enter_sends", BOOLEAN, True, "Enter sends. false: Enter adds a line and Ctrl+J sends."),
    Setting(
        "retries",
        INTEGER,
        2,
        "Times that a request is repeated which a provider refuses for now (status 429 or 5xx).",
        minimum=0,
        maximum=10,
    ),
    Setting(
        "offline.wait",
        NUMBER,
        1440.0,
        "Minutes that a prompt waits for a provider that cannot be reached, before it fails. It is sent as soon as the "
        "provider is back. 0: it fails at once.",
        minimum=0,
        maximum=525_600,
    ),
    Setting(
        "timeouts.connect", NUMBER, 10.0, "Seconds to wait for a connection to a provider.", minimum=0.1, maximum=600
    ),
    Setting(
        "timeouts.read",
        NUMBER,
        120.0,
        "Seconds without data after which a reply counts as lost.",
        minimum=1,
        maximum=3600,
    ),
    Setting("timeouts.write", NUMBER, 30.0, "Seconds to wait while a request is sent.", minimum=1, maximum=600),
    Setting("sync.server", URL, None, "Address of the sync server. `sterna login` sets it."),
    Setting(
        "sync.kind",
        TEXT,
        "sterna",
        "Kind of sync server: sterna, or upstream for one that signs in with Supabase.",
        choices=("sterna", "upstream"),
    ),
    Setting(
        "sync.enabled", BOOLEAN, False, "Sync the history with the server. `sterna login` asks before it sets this."
    ),
    Setting(
        "sync.interval",
        NUMBER,
        None,
        "Seconds between polls of a server that does not announce changes. Not set: 60, or 300 for upstream.",
        minimum=15,
        maximum=86400,
    ),
    Setting("sync.supabase_url", URL, None, "Upstream only: address of the Supabase project that signs in."),
    Setting("sync.anon_key", TEXT, "", "Upstream only: public anon key of that project."),
    Setting("sync.token_command", TEXT, "", "Command that prints an access token, used instead of a saved sign-in."),
    Setting(
        "analytics.enabled",
        BOOLEAN,
        False,
        "Send usage statistics to your server, never message text. `sterna analytics show` lists them.",
    ),
    Setting(
        "meaning.enabled",
        BOOLEAN,
        False,
        "Search by meaning, too; needs sterna[semantic]. Vectors of the messages that are not private are made in the "
        "background and kept beside the history on this device: about 0.5 kB a message, a minute for 100,000 messages.",
    ),
    Setting(
        "meaning.model",
        TEXT,
        "package",
        "Model of these vectors: package, the one of sterna[semantic]; a folder with a static model (model.safetensors "
        "and tokenizer.json); or an embedding model as provider/model, which gets all these messages and what you "
        "search for.",
    ),
    Setting(
        "keys.ACTION",
        KEYS,
        None,
        "Key of an action, by the action's id, instead of the default; an empty text removes it. "
        '`"leader x"` is the leader key (ctrl+x) and then x.',
    ),
    *PROVIDER_SETTINGS,
    *TOOL_SETTINGS,
)

BY_PATH: Mapping[str, Setting] = MappingProxyType({setting.path: setting for setting in SETTINGS})


def find_setting(path: tuple[str, ...]) -> Setting | None:
    """Return the setting at ``path``, with any name of an endpoint, server, model or action; None if there is none."""
    if path[0] == "keys" and len(path) > 1:
        return BY_PATH["keys.ACTION"]
    if path[0] == "endpoints" and len(path) == 5 and path[2] == "models":
        return BY_PATH.get(f"endpoints.NAME.models.MODEL.{path[4]}")
    if path[0] == "endpoints" and len(path) == 3:
        return BY_PATH.get(f"endpoints.NAME.{path[2]}")
    if path[0] == "mcp" and len(path) == 3:
        return BY_PATH.get(f"mcp.NAME.{path[2]}")
    if path[0] == "prices" and len(path) == 3:
        return BY_PATH.get(f"prices.MODEL.{path[2]}")
    return BY_PATH.get(".".join(path))
