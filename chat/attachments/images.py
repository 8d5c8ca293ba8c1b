"""Images: checked when they are attached, and made to fit the model when they are sent."""

from __future__ import annotations

import struct
import warnings
import zlib
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from sterna.storage import Invalid

from .inspection import IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

MAX_PIXELS = 64_000_000
"""Most pixels of an image: a small file can unfold to gigabytes."""
MAX_SENT_BYTES = 3_500_000
"""Most bytes of an image that is sent: as base64, within the 5 MB that the strictest providers take."""
JPEG_QUALITY = (88, 75, 60, 40)
SENT_AS_IT_IS = ("image/png", "image/jpeg")
"""Types that every model takes; the others are sent as one of these."""

_DAMAGED = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError, OverflowError,
    zlib.error, MemoryError,
)  # fmt: skip
"""Errors of Pillow for a damaged or hostile image."""


def check(name: str, content: bytes, media_type: str) -> None:
    """Raise Invalid for an image that cannot be decoded to its end, or is too large."""
    with _sentences(name), _opened(content, media_type) as image:
        _require_size(name, image)
        image.draft("RGB", (1024, 1024))  # a JPEG is decoded at a fraction of its size
        image.load()


def fit(content: bytes, media_type: str, side: int) -> tuple[bytes, str]:
    """Return an image for a request, with its media type: turned upright, at most ``side`` pixels wide and high.

    Of an animation it is the first frame. What a camera noted, such as the place, is left out. Raises Invalid.
    """
    with _sentences("The image"), _opened(content, media_type) as image:
        _require_size("The image", image)
        fits = max(image.size) <= side and len(content) <= MAX_SENT_BYTES
        if fits and media_type in SENT_AS_IT_IS and not image.getexif():
            return content, media_type
        from PIL import ImageOps

        image.draft("RGB", (side, side))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((side, side))
        return _encoded(upright, media_type)


def _encoded(image: Image, media_type: str) -> tuple[bytes, str]:
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    if media_type != "image/jpeg":
        target = BytesIO()
        image.convert("RGBA" if has_alpha else "RGB").save(target, "PNG", optimize=False)
        if target.tell() <= MAX_SENT_BYTES:
            return target.getvalue(), "image/png"
    rgb = image.convert("RGB")
    for quality in JPEG_QUALITY:
        target = BytesIO()
        rgb.save(target, "JPEG", quality=quality)
        if target.tell() <= MAX_SENT_BYTES:
            break
    return target.getvalue(), "image/jpeg"


def _require_size(name: str, image: Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        pixels = f"{width:,} × {height:,} pixels"
        raise Invalid(f"{name} has {pixels}. Images of at most {MAX_PIXELS // 1_000_000} million pixels can be sent.")


@contextmanager
def _opened(content: bytes, media_type: str) -> Iterator[Image]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about large images, which are counted here
        with Image.open(BytesIO(content), formats=(IMAGES.get(media_type, "PNG"),)) as image:
            yield image


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    try:
        yield
    except Invalid:
        raise
    except _DAMAGED as error:
        raise Invalid(f"{name} is damaged or incomplete. Open it in another program to check it.") from error
    except Exception as error:
        if type(error).__name__ != "DecompressionBombError":
            raise
        raise Invalid(f"{name} has more pixels than can be sent. Make it smaller first.") from error
