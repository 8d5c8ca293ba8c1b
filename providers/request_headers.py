"""Headers of a request to an endpoint."""

from __future__ import annotations

from collections.abc import Mapping

from .protocols.wire_protocol import WireProtocol


def request_headers(configured: Mapping[str, str], key: str | None, protocol: WireProtocol) -> dict[str, str]:
    """Return the headers of a request. Raises ``ValueError`` with a sentence for one that HTTP does not allow."""
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(
            "Its key contains characters that keys do not have. Copy the key again, without spaces or line ends."
        )
    for name, value in configured.items():
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise ValueError(f"The header “{name}” in config.toml has a name that HTTP does not allow.")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"The header “{name}” in config.toml has characters that HTTP does not allow.")
    names = {name.lower() for name in configured}
    own = {name: value for name, value in protocol.key_headers(key).items() if name.lower() not in names}
    return own | dict(configured)
