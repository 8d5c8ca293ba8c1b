"""Names of models that are downloaded, and sentences about how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sterna.storage import one_line

if TYPE_CHECKING:
    from sterna.providers import Catalog
    from sterna.providers.downloads import Progress

UNITS = ("B", "kB", "MB", "GB", "TB")


def download_text(progress: Progress) -> str:
    """Return how far a download is: ``1.2 GB of 2.0 GB, 61%, 34 MB/s, 25 s left``; before that what is done instead."""
    is_coming = progress.total and (progress.completed < progress.total or progress.status.startswith("pulling"))
    if not is_coming:
        done = f" ({bytes_text(progress.total)} are there)" if progress.total else ""
        return one_line(progress.status or "asking the server", 100) + done
    percent = 100 * progress.completed // progress.total
    parts = [f"{bytes_text(progress.completed)} of {bytes_text(progress.total)}", f"{percent}%"]
    if progress.rate is not None and progress.seconds_left:
        parts += [f"{bytes_text(round(progress.rate))}/s", f"{_duration(progress.seconds_left)} left"]
    return ", ".join(parts)


def bytes_text(size: int) -> str:
    """Return a number of bytes in words: ``12 kB``, ``3.4 GB``."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit >= 3 and value < 100 else f"{value:.0f} {UNITS[unit]}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.0f} h"


def ref_to_download(catalog: Catalog, name: str) -> str:
    """Return the model that a name means: of the provider that it names, else of the first that downloads models.

    Raises ProviderError where there is none.
    """
    from sterna.providers import Failed, FailureKind, ProviderError

    able = catalog.downloads.providers()
    if "/" in name and name.partition("/")[0] in catalog.names():
        return name
    if not able:
        advice = "Start Ollama, or connect one that runs elsewhere, then try again."
        raise ProviderError(Failed(FailureKind.UNCONFIGURED, f"No provider here downloads models. {advice}"))
    return f"{able[0]}/{name}"


def pulled_ref(catalog: Catalog, ref: str) -> str:
    """Return a model that was downloaded as its provider lists it: with the tag that it got."""
    listed = {model.ref for model in catalog.known()}
    return f"{ref}:latest" if ref not in listed and f"{ref}:latest" in listed else ref
