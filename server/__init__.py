"""Server side: PostgreSQL schema, REST API, accounts, sync and a relay to a model.

Here is everything that ``sterna serve`` runs. It may import ``sync.wire``, ``providers`` and ``net``; of the other
rooms only ``cli`` imports it, inside the commands of ``sterna serve``. Requests of a person run under row-level
security as that person. This package loads nothing by itself, so that a client pays for none of it: import its modules
by name.
"""
