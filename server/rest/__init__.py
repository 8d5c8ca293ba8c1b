"""Subset of PostgREST under ``/rest/v1``: reading the caller's rows, and calling functions."""
