"""Accounts, sign-ins that last, and terminals that are signed in from a browser."""
