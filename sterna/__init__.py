"""Terminal chat client with a local history, its sync, and the server of that sync.

The folders of the packages stand at the top of the project; here are links to them, so that everything is imported
under one name: ``sterna.tui``, ``sterna.storage``, ``sterna.sync``.
"""
