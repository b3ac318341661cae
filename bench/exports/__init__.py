"""How fast a night's audience leaves, and how much memory that takes."""
