"""Static embedding model: a table with one vector for each token; a text is the mean of the vectors of its tokens.

Such a model is small, needs no graphics card, and reads thousands of messages a second. It comes from a folder, or from
the package ``wordllama``, of which only the files are used. Nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .embedder import EmbedderError

if TYPE_CHECKING:
    import numpy
    from tokenizers import Tokenizer

PACKAGE = "package"
"""Name of the model that a package brings."""
LARGEST = 4 << 30
ENDS = 1 << 20
"""Bytes at both ends of a model's file by which it is recognized."""
TABLES = ("embeddings", "embedding.weight")
"""Names of the table in the files of model2vec, of sentence-transformers and of wordllama."""


class ModelFiles(NamedTuple):
    """Files of a model."""

    name: str
    weights: Path
    tokenizer: Path


class StaticModel:
    """Model in memory. It may be used by one thread at a time."""

    def __init__(self, key: str, tokenizer: Tokenizer, table: Any, weights: Any, mapping: Any) -> None:
        self.key = key
        self.size = int(table.shape[1])
        self._tokenizer = tokenizer
        self._table: numpy.ndarray[Any, Any] = table
        self._weights: numpy.ndarray[Any, Any] | None = weights
        self._mapping: numpy.ndarray[Any, Any] | None = mapping

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a unit vector for each text, as float32 numbers; empty for a text of which no token is known."""
        import numpy as np

        found = []
        for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False):
            ids = np.asarray(encoding.ids, dtype=np.int64)
            ids = ids[(ids >= 0) & (ids < len(self._mapping if self._mapping is not None else self._table))]
            rows = self._mapping[ids] if self._mapping is not None else ids
            vectors = self._table[rows].astype(np.float32)
            if self._weights is not None:
                vectors *= self._weights[ids, None]
            mean = vectors.mean(axis=0) if len(vectors) else np.zeros(self.size, np.float32)
            length = float(np.linalg.norm(mean))
            found.append((mean / length).astype("<f4").tobytes() if np.isfinite(length) and length > 0 else b"")
        return found


def find_model(name: str) -> ModelFiles:
    """Return the files of the model of the package, or of one in a folder. Raises EmbedderError."""
    if name == PACKAGE:
        return _packaged()
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise EmbedderError(f"There is no folder {folder}. Name one with model.safetensors and tokenizer.json.")
    for place in (folder, folder / "0_StaticEmbedding"):
        weights, tokenizer = place / "model.safetensors", place / "tokenizer.json"
        if weights.is_file() and tokenizer.is_file():
            return ModelFiles(str(folder), weights, tokenizer)
    raise EmbedderError(f"{folder} has no model.safetensors beside a tokenizer.json, the files of a static model.")


def load_model(files: ModelFiles) -> StaticModel:
    """Return the model of these files. It takes a tenth of a second or more. Raises EmbedderError."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # this work is to leave the other processors alone
    try:
        import numpy as np
        from safetensors import SafetensorError, safe_open
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EmbedderError(
            f"Search by meaning needs packages that are not installed ({error.name}). Install sterna[semantic]."
        ) from None
    problem = f"{files.weights} is not a static model"
    try:
        if files.weights.stat().st_size > LARGEST:
            raise EmbedderError(f"{files.weights} is larger than a static model: {LARGEST >> 30} GB are the most.")
        key = _key(files)
        with safe_open(files.weights, "np") as tensors:
            names = set(tensors.keys())
            named = next((name for name in TABLES if name in names), None)
            if named is None:
                raise EmbedderError(f"{problem}: it has no table of that name ({' or '.join(TABLES)}).")
            table = tensors.get_tensor(named)
            weights = tensors.get_tensor("weights") if "weights" in names else None
            mapping = tensors.get_tensor("mapping") if "mapping" in names else None
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except EmbedderError:
        raise
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise EmbedderError(f"{problem} ({error}).") from None
    except Exception as error:  # noqa: BLE001 - what tokenizers raises is Exception itself
        raise EmbedderError(f"{files.tokenizer} cannot be read ({error}).") from None
    is_sound = (
        table.ndim == 2
        and table.size > 0
        and (weights is None or weights.shape == (len(mapping if mapping is not None else table),))
        and (mapping is None or (mapping.ndim == 1 and mapping.size > 0 and np.issubdtype(mapping.dtype, np.integer)
             and mapping.min() >= 0 and mapping.max() < len(table)))
    )  # fmt: skip
    if not is_sound:
        raise EmbedderError(f"{problem}: its tables do not fit each other.")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return StaticModel(key, tokenizer, table, weights, mapping)


def _packaged() -> ModelFiles:
    spec = find_spec("wordllama")  # it is not imported: its own loader asks the network
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        weights = Path(folder) / "weights" / "l2_supercat_256.safetensors"
        tokenizer = Path(folder) / "tokenizers" / "l2_supercat_tokenizer_config.json"
        if weights.is_file() and tokenizer.is_file():
            return ModelFiles("wordllama l2_supercat_256", weights, tokenizer)
    raise EmbedderError(
        "The package with the model is not installed. Install sterna[semantic] (with Python 3.13 or older), or set "
        "meaning.model to a folder with a static model, or to an embedding model of a provider."
    )


def _key(files: ModelFiles) -> str:
    """Return by which a model is told from others: its name, and a hash of what its files begin and end with."""
    digest = sha256()
    for path in (files.weights, files.tokenizer):
        size = path.stat().st_size
        with path.open("rb") as file:
            digest.update(b"%d" % size + file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return f"{files.name} {digest.hexdigest()[:16]}"
