"""Who the history belongs to, what was used, and what was done lately."""
