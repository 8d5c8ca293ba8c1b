"""Cline and Roo Code: a folder for each task, and for newer versions of Cline a folder for each session."""

from .reader import Cline, Roo

__all__ = ["Cline", "Roo"]
