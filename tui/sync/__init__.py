"""Screens about sync: its status, signing in, and conflicts."""
