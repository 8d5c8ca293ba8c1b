"""logs.db of ``llm``: tables of threads since 0.32, tables of responses before, and a single table of logs at first."""

from .reader import Llm

__all__ = ["Llm"]
