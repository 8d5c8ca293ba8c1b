"""Replies of several models to one prompt, side by side."""
