"""Runs the bench: `python -m bench.backfill --help`."""

from bench.backfill.run import main

if __name__ == "__main__":
    main()
