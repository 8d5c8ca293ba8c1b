"""The delta protocol at the server: conflict rules, storage, pages and notices.

See docs/specification/sync-protocol.md.
"""
