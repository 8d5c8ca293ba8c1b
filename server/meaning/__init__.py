"""Search by meaning: vectors of all messages, made in the background, and conversations that are near a question."""
