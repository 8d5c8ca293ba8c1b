"""A static embedding model of a few words, as a folder: words of one meaning have one vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

SIZE = 20
MEANINGS = (
    "car automobile vehicle driving",
    "backup copy safe dump",
    "bread dough bake oven",
    "bird tern gull seabird",
    "train line battery function numbers table bridge moon",
    "court contract rates interest jacket paragraph",
    "tomatoes water patient tablets whales milk",
)
"""Words of one meaning each; the last ones are in the sentences by which a model is measured."""


def write_model(folder: Path, *, seed: int = 1, size: int = SIZE) -> Path:
    """Write a model into a folder, and return it. Another seed makes other vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {"[UNK]": 0}
    directions = np.random.default_rng(seed).standard_normal((len(MEANINGS), size)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rows = [np.zeros(size, np.float32)]
    for direction, words in zip(directions, MEANINGS, strict=True):
        for word in words.split():
            vocabulary[word] = len(vocabulary)
            rows.append(direction)
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({"embeddings": np.stack(rows)}, str(folder / "model.safetensors"))
    return folder
