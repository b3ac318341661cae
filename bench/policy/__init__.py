"""Whom to write to: the worth rule against other policies, on a campaign whose arms were drawn at random."""
