"""Gemini: prompts in Google Takeout's activity, as HTML or JSON."""

from .reader import Gemini

__all__ = ["Gemini"]
