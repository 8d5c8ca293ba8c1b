"""Server side of the delta protocol: conflict rules, push, pull and change notification.

See docs/specification/sync-protocol.md.
"""
