"""Accounts, passwords, tokens, and the sign-in of terminals from a browser."""
