"""Runs the bench: `python -m bench.effects --help`."""

from bench.effects.run import main

if __name__ == "__main__":
    main()
