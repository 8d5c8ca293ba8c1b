"""Terminal chat client with a local history, its sync, and the server of that sync.

In a checkout, its packages are folders at the top of the project, and here are links to them. Everything is imported
under one name: ``sterna.tui``, ``sterna.storage``, ``sterna.sync``.
"""
