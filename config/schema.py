"""Every setting there is: the table from which reading, checking, the documentation and ``sterna doctor`` derive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Value = str | bool | int | float | tuple[str, ...] | Mapping[str, Any] | None

SENT = ("model", "messages", "stream")
"""Parts of a request that no setting may replace or leave out."""
OMITTABLE = ("temperature", "max_tokens", "max_completion_tokens", "reasoning_effort", "stream_options")
"""Parameters that Sterna itself may send, to recognize a misspelt one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be: a phrase for sentences, and the check that gives the value or ``None``."""

    phrase: str
    read: Callable[[object], Value]


@dataclass(frozen=True, slots=True)
class Known:
    """One setting."""

    path: str
    """As in config.toml with dots: ``ui.sidebar_width``. ``NAME`` and ``ACTION`` stand for a person's own names."""
    kind: Kind
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    least: float = -math.inf
    most: float = math.inf

    @property
    def expected(self) -> str:
        """What the value has to be, for a sentence."""
        if self.choices:
            return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"{self.kind.phrase} from {self.least:g} to {self.most:g}"
        if math.isfinite(self.least):
            return f"{self.kind.phrase} of {self.least:g} or more"
        return self.kind.phrase

    def check(self, value: object) -> Value:
        """``value`` as the program uses it, or ``None`` when it is not :attr:`expected`."""
        read = self.kind.read(value)
        if self.choices and read not in self.choices:
            return None
        if isinstance(read, (int, float)) and not isinstance(read, bool) and not self.least <= read <= self.most:
            return None
        return read


def _text(value: object) -> Value:
    return value if isinstance(value, str) else None


def _url(value: object) -> Value:
    if not isinstance(value, str):
        return None
    scheme, found, rest = value.strip().partition("://")
    return value.strip() if found and scheme in ("http", "https") and rest.strip("/") and rest[0] != "/" else None


def _yes_no(value: object) -> Value:
    return value if isinstance(value, bool) else None


def _whole(value: object) -> Value:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _texts(value: object) -> Value:
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return tuple(value)
    return None


def _keys(value: object) -> Value:
    """A key, several in a list, or "" for none: kept as Textual's key maps have it, split by commas."""
    if isinstance(value, str):
        return value
    keys = _texts(value)
    return ",".join(keys) if isinstance(keys, tuple) else None


def _table(value: object) -> Value:
    if isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair):
        return MappingProxyType(dict(value))
    return None


def _values(value: object) -> Value:
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) and unsendable(value) is None else None


def _omitted(value: object) -> Value:
    names = _texts(value)
    return names if isinstance(names, tuple) and unomittable(names) is None else None


TEXT = Kind("text in quotes", _text)
URL = Kind("an address that begins with http:// or https://", _url)
YES_NO = Kind("true or false", _yes_no)
WHOLE = Kind("a whole number", _whole)
NUMBER = Kind("a number", _number)
TEXTS = Kind('a list of texts, as in ["a", "b"]', _texts)
OMITTED = Kind('a list of names of parameters, as in ["temperature"]', _omitted)
KEYS = Kind('a key in quotes, as in "ctrl+n", or a list of them', _keys)
VALUES = Kind("a table, as in { top_p = 0.9 }", _values)
TABLE = Kind('a table of texts, as in { "X-Team" = "blue" }', _table)

KNOWN: tuple[Known, ...] = (
    Known("model", TEXT, "", "The model to ask, as provider/model. Empty: the first that is found."),
    Known("system_prompt", TEXT, "", "Said to every model before a conversation that has no prompt of its own."),
    Known("temperature", NUMBER, None, "How freely models answer. Not set: each model's own.", least=0, most=2),
    Known("max_tokens", WHOLE, None, "The longest reply, in tokens. Not set: each model's own.", least=1),
    Known(
        "reasoning_effort",
        TEXT,
        "",
        "How long models that reason may think. Empty: each model's own.",
        choices=("", "low", "medium", "high"),
    ),
    Known("theme", TEXT, "", "The name of a theme. Empty: Sterna's own."),
    Known(
        "similar",
        YES_NO,
        True,
        "Say when a question is nearly one that you asked before. Found on this computer, by its words.",
    ),
    Known("discover", YES_NO, True, "Look for keys in the environment and for model servers on this machine at start."),
    Known("ui.sidebar", YES_NO, True, "Show the list of conversations."),
    Known("ui.sidebar_width", WHOLE, 32, "Columns of the list of conversations.", least=16, most=80),
    Known("ui.show_reasoning", YES_NO, False, "Show a model's reasoning unfolded."),
    Known("ui.show_token_count", YES_NO, True, "Show tokens and time under each reply."),
    Known("ui.vim", YES_NO, True, "Move with h, j, k, l, g and G in lists and in the transcript."),
    Known("ui.mouse", YES_NO, True, "Answer to the mouse. false leaves selecting to the terminal."),
    Known("ui.animation", YES_NO, True, "Let panels and scrolling move smoothly."),
    Known(
        "ui.symbols",
        TEXT,
        "auto",
        "Draw with Unicode or plain ASCII. auto: as the terminal's locale allows.",
        choices=("auto", "unicode", "ascii"),
    ),
    Known("ui.confirm_delete", YES_NO, False, "Ask before a conversation is deleted, though it can be undone."),
    Known("ui.enter_sends", YES_NO, True, "Enter sends. false: Enter is a new line and Ctrl+J sends."),
    Known("timeouts.connect", NUMBER, 10.0, "Seconds to wait for a connection.", least=0.1, most=600),
    Known("timeouts.read", NUMBER, 120.0, "Seconds of silence before a reply counts as lost.", least=1, most=3600),
    Known("timeouts.write", NUMBER, 30.0, "Seconds to wait while a message is sent.", least=1, most=600),
    Known("sync.server", URL, None, "The server that the history follows you through. `sterna login` sets it."),
    Known(
        "sync.kind",
        TEXT,
        "sterna",
        "What the server is: one of Sterna's, or an upstream one that signs in at Supabase.",
        choices=("sterna", "upstream"),
    ),
    Known("sync.enabled", YES_NO, False, "Send the history to the server. `sterna login` asks before it sets this."),
    Known(
        "sync.interval",
        NUMBER,
        None,
        "Seconds between two looks at a server that does not announce changes. Not set: 60, upstream 300.",
        least=15,
        most=86400,
    ),
    Known("sync.supabase_url", URL, None, "Upstream only: the address of the Supabase project that signs in."),
    Known("sync.anon_key", TEXT, "", "Upstream only: that project's anon key, which is public."),
    Known("sync.token_command", TEXT, "", "A command that prints an access token, in place of a sign-in that is kept."),
    Known(
        "analytics.enabled",
        YES_NO,
        False,
        "Tell the server what you use, as names and counts, never text. `sterna analytics show` shows what.",
    ),
    Known(
        "keys.ACTION", KEYS, None, "Another key for an action, by the action's id; an empty text takes the key away."
    ),
    Known("endpoints.NAME.url", URL, None, "The address of an OpenAI-compatible server, up to and with /v1."),
    Known("endpoints.NAME.label", TEXT, "", "What sentences call it. Empty: its name."),
    Known("endpoints.NAME.key_env", TEXT, "", "The environment variable that holds its key."),
    Known("endpoints.NAME.key_command", TEXT, "", "A command that prints its key, as in pass show openrouter."),
    Known("endpoints.NAME.models", TEXTS, (), "The models to offer. Not set: those that the server lists."),
    Known(
        "endpoints.NAME.context_length", WHOLE, None, "Tokens its models take, if the server does not say.", least=256
    ),
    Known("endpoints.NAME.headers", TABLE, {}, "More HTTP headers for every request."),
    *(
        one
        for place, whom in (("endpoints.NAME", "every model"), ("endpoints.NAME.models.MODEL", "this model"))
        for one in (
            Known(
                f"{place}.parameters",
                VALUES,
                {},
                f"Parameters of requests to {whom}, as in {{ top_p = 0.9 }}, where nothing else sets them.",
            ),
            Known(f"{place}.omit", OMITTED, (), f'Parameters that {whom} is never sent, as in ["temperature"].'),
            Known(f"{place}.extra_body", VALUES, {}, f"Put into every request to {whom} as it is."),
            Known(f"{place}.stream", YES_NO, None, "false: replies come in one piece; for servers that do not stream."),
        )
    ),
    Known("endpoints.NAME.models.MODEL.headers", TABLE, {}, "More HTTP headers for requests to this model."),
    Known("endpoints.NAME.models.MODEL.context_length", WHOLE, None, "Tokens that this model takes.", least=256),
)

BY_PATH: Mapping[str, Known] = MappingProxyType({one.path: one for one in KNOWN})


def find(path: tuple[str, ...]) -> Known | None:
    """The setting at ``path``; an endpoint's name and an action's id are whatever they are."""
    if path[0] == "keys" and len(path) > 1:
        return BY_PATH["keys.ACTION"]
    if path[0] == "endpoints" and len(path) == 5 and path[2] == "models":
        return BY_PATH.get(f"endpoints.NAME.models.MODEL.{path[4]}")
    if path[0] == "endpoints" and len(path) == 3:
        return BY_PATH.get(f"endpoints.NAME.{path[2]}")
    return BY_PATH.get(".".join(path))


def unsendable(values: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """Return the first of ``values`` that cannot be added to a request, by its keys, and why; None if all can."""
    for name in SENT:
        if name in values:
            return (name,), "cannot be set here: Sterna sends it itself."
    return next(((path, "has to be a finite number.") for path, value in _inner(values) if _infinite(value)), None)


def unomittable(names: Iterable[str]) -> str | None:
    """Return why one of ``names`` cannot be left out of a request; None if all can."""
    for name in names:
        if name == "stream":
            return 'cannot name "stream": to get replies in one piece, set stream = false.'
        if name in SENT:
            return f'cannot name "{name}", which every request needs.'
        if not name.strip():
            return "has an empty name."
        if name not in OMITTABLE and (near := nearest(name, OMITTABLE, 0.85)) is not None:
            return f'names "{name}". Did you mean "{near}"?'
    return None


def _inner(value: object, path: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], object]]:
    """Yield every value inside of tables and lists with the keys of the tables above it."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _inner(one, (*path, key))
    elif isinstance(value, list):
        for one in value:
            yield from _inner(one, path)
    else:
        yield path, value


def _infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of ``names`` that was probably meant."""
    import difflib  # only once something is misspelt

    found = difflib.get_close_matches(name, list(names), n=1, cutoff=cutoff)
    return found[0] if found else None
