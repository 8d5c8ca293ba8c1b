"""Conversations as Markdown, for which there is no standard: headings or names say who speaks."""

from .reader import Markdown

__all__ = ["Markdown"]
