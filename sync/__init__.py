"""The messenger between the history on this disk and a server. Nothing is sent without a sign-in and a yes.

Loads nothing: ``from sync.report import …`` names what is wanted.
"""
