"""Commands of ``sterna serve``: run a server, and administer it."""
