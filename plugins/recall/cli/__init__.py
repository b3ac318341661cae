"""The command line: `recall`."""
