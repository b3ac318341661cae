"""Runs the bench: `python -m bench.ingest --help`."""

from bench.ingest.run import main

if __name__ == "__main__":
    main()
