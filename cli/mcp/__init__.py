"""``sterna mcp``: the history as tools for other programs, over the Model Context Protocol."""
