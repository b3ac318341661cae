"""A year of assignment days computed again."""
