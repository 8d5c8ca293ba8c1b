"""Client side of sync: protocols, scheduling and sign-in.

Here are the engine that exchanges an account's history with its server, the protocols it speaks (``protocol`` with a
Sterna server, ``upstream`` with others), sign-in and tokens, and usage analytics. Nothing is sent before a sign-in and
consent. It may import ``storage``, ``config`` and ``net``. ``sync.wire``, the format that client and server share,
imports the standard library alone and is all that ``server`` may use. This package loads nothing by itself: import its
modules by name.
"""
