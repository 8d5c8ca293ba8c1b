"""Commands of ``sterna sync``."""
