"""What one server was started with. The command line and the environment fill it in; nothing below reads either."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

Signup = Literal["open", "invite", "closed"]

MEGABYTE = 1024 * 1024
SALT_BYTES = 16
EXAMPLE_SALTS = frozenset({"default-salt-change-this", "your-generated-salt-here"})
"""Values that documents of the described platform print. Visitors could be told apart by anybody who read them."""


@dataclass(frozen=True, slots=True)
class External:
    """Tokens of somebody else's sign-in that are accepted too, such as a Supabase project's."""

    secret: str = field(default="", repr=False)
    """For HS256; Supabase calls it the JWT secret."""
    jwks_url: str = ""
    """For RS256 and ES256."""
    issuer: str = ""
    audience: str = "authenticated"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The OpenAI-compatible endpoint that answers /api/chat."""

    base_url: str = ""
    """Empty: this server relays no chat, and says so."""
    key: str = field(default="", repr=False)
    default_model: str = "deepseek/deepseek-r1-0528:free"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """See ``sterna serve --help`` for each."""

    host: str = "127.0.0.1"
    port: int = 8787
    database_url: str = field(default="", repr=False)
    """What requests use. Empty: the embedded PostgreSQL in ``data_dir``."""
    admin_url: str = field(default="", repr=False)
    """What installs the schema; empty: ``database_url``."""
    service_url: str = field(default="", repr=False)
    """What the server's own work uses, such as sign-in; empty: ``admin_url``, else ``database_url``."""
    data_dir: Path = Path()
    """Of the embedded PostgreSQL; unused with a ``database_url``."""
    public_url: str = ""
    """How browsers reach this server, for its own name and links such as that of /device; empty: this machine only."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call this server from a browser, such as ``https://app.example.org``; ``*`` for all."""
    smtp_url: str = field(default="", repr=False)
    """The SMTP server that mails recovery codes, ``smtp://name:password@host:587``; empty: no mail is sent."""
    mail_from: str = ""
    """Whom mails are from."""
    signup: Signup = "open"
    jwt_secret: str = field(default="", repr=False)
    """Signs access tokens (HS256); empty: one made at the first start and kept in the database."""
    access_seconds: int = 3600
    refresh_seconds: int = 60 * 60 * 24 * 60
    external: External = External()
    upstream: Upstream = Upstream()
    anonymous_chat: bool = False
    """Whether callers who did not sign in may spend the upstream's key on models of the free tier."""
    redis_url: str = field(default="", repr=False)
    """Where rate limits are counted; empty: in this process, and with the other servers of the database."""
    shared_rates: bool = True
    """Whether servers of one database count together, where no Redis does it."""
    trusted_proxies: int = 0
    """How many proxies in front append to X-Forwarded-For; 0: the header is not believed."""
    rate_limits: bool = True
    sync_requests: int = 3600
    """Requests an hour of a person's devices that sync."""
    sync_megabytes: int = 0
    """Megabytes an hour that they may push, as they arrive: compressed. 0: as many as they like, so that a first sync
    of a long history goes through."""
    account_megabytes: int = 10 * 1024
    """Megabytes, inflated, that an account's devices may ever push; 0: as many as they like."""
    connections: int = 1024
    """Open connections of clients; beyond that those that wait for their client are closed."""
    body_bytes: int = 10 * MEGABYTE
    body_seconds: float = 30.0
    """How long a client may take to send its whole body."""
    shutdown_seconds: float = 10.0
    keeping_seconds: float = 5.0
    """How long after its start a server looks for what is over, and writes the day's figures, for the first time."""
    pool_size: int = 10
    pool_seconds: float = 5.0
    """How long a request waits for a connection before it is answered 503."""
    argon2_memory_kib: int = 19 * 1024
    """OWASP's first choice for argon2id: 19 MiB, two passes, one lane. Tests set less."""
    chat_logging: bool = False
    """Whether visits of web clients are kept (ENABLE_CHAT_LOGGING)."""
    user_id_salt: str = field(default="", repr=False)
    """What visitors' addresses are hashed with (USER_ID_SALT); at least :data:`SALT_BYTES` when visits are kept."""
    metrics_token: str = field(default="", repr=False)
    """Who sends it as Bearer may read /metrics from anywhere; else only this machine may."""

    @property
    def server_url(self) -> str:
        """Return the database as the role that may do the server's own work."""
        return self.service_url or self.admin_url or self.database_url


def is_loopback(host: str) -> bool:
    """Return whether ``host``, a name or an address, can be reached from this computer only."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
