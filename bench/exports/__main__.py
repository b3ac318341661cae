"""Runs the bench: `python -m bench.exports --help`."""

from bench.exports.run import main

if __name__ == "__main__":
    main()
