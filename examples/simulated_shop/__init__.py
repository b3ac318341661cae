"""A shop whose truth is known: who leaves and why, who returns, and what a message does to that.

`python -m examples.simulated_shop DIR` writes a workspace with landing files per business day, and the truth beside.
"""
