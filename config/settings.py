"""Settings as the program uses them: a record for each table of config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from .mcp_servers import McpServerSettings
    from .request_settings import RequestSettings


class Ui(NamedTuple):
    """Appearance and behaviour of the screen; each is explained in :data:`config.SETTINGS`."""

    sidebar: bool = True
    sidebar_width: int = 32
    images: bool = True
    show_reasoning: bool = False
    show_token_count: bool = True
    keys: Literal["default", "vim", "emacs"] = "default"
    vim: bool = True
    mouse: bool = True
    animation: bool = True
    symbols: Literal["auto", "unicode", "ascii"] = "auto"
    confirm_delete: bool = False
    enter_sends: bool = True
    notify: Literal["off", "bell", "notify"] = "notify"
    notify_after: float = 10.0


class HistorySettings(NamedTuple):
    """Questions to the history."""

    providers: tuple[str, ...] = ()
    """Providers that get passages of it without being asked about each time."""


class TitleSettings(NamedTuple):
    """Titles of new conversations by a model."""

    generate: bool = False
    model: str = ""


class BudgetSettings(NamedTuple):
    """Limits of what replies cost, in US dollars; None: no limit."""

    daily: float | None = None
    monthly: float | None = None
    stop: bool = False


class PriceSettings(NamedTuple):
    """Table ``[prices."PROVIDER/MODEL"]``: US dollars per million tokens."""

    input: float = 0.0
    output: float = 0.0
    cached_input: float | None = None


class ToolSettings(NamedTuple):
    """Tools that the model may call; each is explained in :data:`config.SETTINGS`."""

    chosen: tuple[str, ...] = ()
    rounds: int = 20
    read: tuple[str, ...] = ()
    fetch: bool = False
    fetch_private: tuple[str, ...] = ()


class TimeoutSettings(NamedTuple):
    """Timeouts of requests to an endpoint, in seconds."""

    connect: float = 10.0
    read: float = 120.0
    write: float = 30.0


class OfflineSettings(NamedTuple):
    """What to do with prompts whose provider cannot be reached."""

    wait: float = 1440.0
    """Minutes that they wait for it; 0: they fail at once."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """Sync server of the history. Tokens are not here but with the credentials."""

    server: str | None = None
    kind: Literal["sterna", "upstream"] = "sterna"
    enabled: bool = False
    interval: float | None = None
    supabase_url: str | None = None
    anon_key: str = field(default="", repr=False)
    token_command: str = field(default="", repr=False)


class AnalyticsSettings(NamedTuple):
    """Consent to usage analytics, which go to the sync server and never contain message text."""

    enabled: bool = False


class MeaningSettings(NamedTuple):
    """Search by meaning, and the model that makes the vectors for it."""

    enabled: bool = False
    model: str = "package"


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Table ``[endpoints.NAME]``. It has no key, only where to get one."""

    name: str
    url: str = field(repr=False)
    protocol: str = ""
    label: str = ""
    key_env: str = ""
    key_command: str = field(default="", repr=False)
    models: tuple[str, ...] = ()
    context_length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    omit: tuple[str, ...] = ()
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stream: bool | None = None
    images: bool | None = None
    image_size: int | None = None
    model_options: Mapping[str, RequestSettings] = field(default_factory=dict, repr=False)
    """Tables ``[endpoints.NAME.models."MODEL"]``."""


class Settings(NamedTuple):
    """Values of config.toml, and defaults for the rest."""

    model: str = ""
    system_prompt: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Literal["", "low", "medium", "high"] = ""
    context: Literal["drop", "summarise"] = "drop"
    theme: str = ""
    similar: bool = True
    discover: bool = True
    retries: int = 2
    history: HistorySettings = HistorySettings()
    titles: TitleSettings = TitleSettings()
    budget: BudgetSettings = BudgetSettings()
    prices: Mapping[str, PriceSettings] = MappingProxyType({})
    """By ``provider/model``."""
    ui: Ui = Ui()
    timeouts: TimeoutSettings = TimeoutSettings()
    offline: OfflineSettings = OfflineSettings()
    sync: SyncSettings = SyncSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    meaning: MeaningSettings = MeaningSettings()
    keys: Mapping[str, str] = MappingProxyType({})
    """Key or keys (split by commas) by action id; an empty text removes the key."""
    endpoints: tuple[EndpointSettings, ...] = ()
    """In the order of the file, which is the order of preference."""
    tools: ToolSettings = ToolSettings()
    mcp: tuple[McpServerSettings, ...] = ()
    """In the order of the file."""
    problems: tuple[str, ...] = ()
    """Problems of the file, as sentences for the user."""
    blocked: str = ""
    """Reason why no request may be sent to a model: the file, or its part about models, cannot be read. A guess would
    send a prompt where the user did not mean it to go."""
    path: Path | None = None
    """Path of the file, which need not exist."""
