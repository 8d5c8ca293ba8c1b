"""Numbers as texts on the screen have them."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """Return a number with its noun: ``1 message``, ``0 messages``, ``1,200 messages``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def short_count(count: int) -> str:
    """Return a number in at most five characters: ``950``, ``3.2k``, ``128k``, ``1.1M``."""
    if count < 1_000:
        return str(count)
    for unit, size in (("k", 1_000), ("M", 1_000_000)):
        amount = count / size
        if amount < 999.5:
            return f"{amount:.1f}{unit}".replace(".0", "") if amount < 10 else f"{amount:.0f}{unit}"
    return f"{count / 1_000_000:.0f}M"


def short_cost(dollars: float, *, is_estimate: bool = False) -> str:
    """Return a cost with two digits that say something: ``$12.40``, ``$0.31``, ``$0.0042``; empty for nothing."""
    if dollars <= 0:
        return ""
    about = "~" if is_estimate else ""
    if dollars < 0.0001:
        return "<$0.0001"
    return f"{about}${dollars:,.2f}" if dollars >= 0.1 else f"{about}${dollars:.4f}"[: 7 + len(about)]


def short_price(dollars: float) -> str:
    """Return a price per million tokens: ``$3``, ``$0.15``, ``free``."""
    return f"${dollars:,.2f}".removesuffix(".00") if dollars >= 0.01 else "free" if dollars <= 0 else f"${dollars:.4f}"


def price_pair(prices: tuple[float, float]) -> str:
    """Return the prices of input and output per million tokens: ``$3/$15``, ``free``."""
    return "free" if max(prices) <= 0 else "/".join(short_price(price) for price in prices)
