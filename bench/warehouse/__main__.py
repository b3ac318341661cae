"""Runs the bench: `python -m bench.warehouse --help`."""

from bench.warehouse.run import main

if __name__ == "__main__":
    main()
