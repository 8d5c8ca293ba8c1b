"""Frames, fields and questions that every dialog is made of."""
