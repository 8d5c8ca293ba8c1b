"""Files attached to messages: recognised, kept, and turned into what a model is sent.

Pillow and pypdf are imported here, by the functions that use them.
"""
