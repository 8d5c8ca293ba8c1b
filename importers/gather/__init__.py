"""Gathering: histories of other programs on this machine, followed while they grow."""
