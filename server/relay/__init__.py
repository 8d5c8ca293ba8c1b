"""Relay of chat requests to the model service of this server, with quotas and streaming."""
