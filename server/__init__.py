"""The other end: PostgreSQL with the described schema, and the REST endpoints in front of it.

Loads nothing: ``from server.serving import serve`` names what is wanted, so that a client pays for none of it.
"""
