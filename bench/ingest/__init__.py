"""How fast visits come in, and how much memory the loader takes."""
