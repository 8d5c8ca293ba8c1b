"""Readers of the sources that Sterna knows by itself: one module and one class each, named in ``registry.py``."""
