"""Commands of ``sterna doctor``."""
