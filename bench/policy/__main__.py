"""Runs the bench: `python -m bench.policy --help`."""

from bench.policy.run import main

if __name__ == "__main__":
    main()
