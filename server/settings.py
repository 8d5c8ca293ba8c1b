"""Settings of a server. Only the command line reads options and environment variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

Signup = Literal["open", "invite", "closed"]

MEGABYTE = 1024 * 1024
SALT_BYTES = 16
EXAMPLE_SALTS = frozenset({"default-salt-change-this", "your-generated-salt-here"})
"""Salts in published documents; with them anybody could recognise visitors."""


@dataclass(frozen=True, slots=True)
class External:
    """External sign-in whose tokens are accepted too, such as that of a Supabase project."""

    secret: str = field(default="", repr=False)
    """Secret of HS256 tokens; Supabase calls it the JWT secret."""
    jwks_url: str = ""
    """Key set of RS256 and ES256 tokens."""
    issuer: str = ""
    audience: str = "authenticated"


@dataclass(frozen=True, slots=True)
class Upstream:
    """OpenAI-compatible model service behind /api/chat."""

    base_url: str = ""
    """Empty: no chat on this server."""
    key: str = field(default="", repr=False)
    default_model: str = "deepseek/deepseek-r1-0528:free"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of one server, described by ``sterna serve --help``."""

    host: str = "127.0.0.1"
    port: int = 8787
    database_url: str = field(default="", repr=False)
    """Database for requests; empty: the embedded PostgreSQL in ``data_dir``."""
    admin_url: str = field(default="", repr=False)
    """Database as the role that installs the schema; empty: ``database_url``."""
    service_url: str = field(default="", repr=False)
    """Database as the role for the server's own work, such as sign-in; empty: ``admin_url`` or ``database_url``."""
    data_dir: Path = Path()
    """Folder of the embedded PostgreSQL; unused with a ``database_url``."""
    public_url: str = ""
    """URL of this server for browsers, used in links such as that of /device; empty: this computer only."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call this server from a browser, such as ``https://app.example.org``; ``*`` for all."""
    smtp_url: str = field(default="", repr=False)
    """SMTP server for recovery codes, ``smtp://name:password@host:587``; empty: no mail is sent."""
    mail_from: str = ""
    """Sender of mails."""
    signup: Signup = "open"
    jwt_secret: str = field(default="", repr=False)
    """Secret that signs access tokens (HS256); empty: one generated at the first start, stored in the database."""
    access_seconds: int = 3600
    refresh_seconds: int = 60 * 60 * 24 * 60
    external: External = External()
    upstream: Upstream = Upstream()
    anonymous_chat: bool = False
    """True if callers without a sign-in may use models of the free tier."""
    redis_url: str = field(default="", repr=False)
    """Redis that counts rate limits; empty: this process does, together with other servers of the database."""
    shared_rate_limits: bool = True
    """True if servers of one database share their counts when there is no Redis."""
    trusted_proxies: int = 0
    """Number of proxies in front that append to X-Forwarded-For; 0: the header is ignored."""
    rate_limits: bool = True
    sync_requests: int = 3600
    """Sync requests an hour of an account's devices."""
    sync_megabytes: int = 0
    """Compressed megabytes an hour that an account's devices may push; 0: no limit, so that the first sync of a long
    history succeeds."""
    account_megabytes: int = 10 * 1024
    """Decompressed megabytes that an account's devices may push in total; 0: no limit."""
    attachment_megabytes: int = 1024
    """Megabytes of the attached files of an account; 0: none are taken."""
    connections: int = 1024
    """Open connections of clients; above it idle connections are closed."""
    body_bytes: int = 10 * MEGABYTE
    body_seconds: float = 30.0
    """Time limit for receiving a body."""
    shutdown_seconds: float = 10.0
    retention_delay_seconds: float = 5.0
    """Delay after the start of the first removal of expired rows and the first daily statistics."""
    pool_size: int = 10
    pool_seconds: float = 5.0
    """Time that a request waits for a database connection before it is answered 503."""
    argon2_memory_kib: int = 19 * 1024
    """Memory of argon2id. OWASP recommends 19 MiB with two passes and one lane; tests use less."""
    chat_logging: bool = False
    """True if visits of web clients are stored (ENABLE_CHAT_LOGGING)."""
    user_id_salt: str = field(default="", repr=False)
    """Salt of visitors' hashed addresses (USER_ID_SALT), of at least :data:`SALT_BYTES` bytes."""
    meaning_model: str = ""
    """Model of the search by meaning: ``package`` or a folder; empty: there is none."""
    metrics_token: str = field(default="", repr=False)
    """Bearer token for /metrics; without it only this computer may read them."""

    @property
    def server_url(self) -> str:
        """Database as the role for the server's own work."""
        return self.service_url or self.admin_url or self.database_url


def is_loopback(host: str) -> bool:
    """Return whether ``host``, a name or an address, can be reached from this computer only."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
