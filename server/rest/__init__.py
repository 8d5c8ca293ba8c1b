"""A documented subset of PostgREST: reading one's own rows, and calling functions, under ``/rest/v1``."""
