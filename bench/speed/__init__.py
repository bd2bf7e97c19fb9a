"""Measure time and memory: every script that `python -m bench` runs, and what they stand on.

>>> from bench.speed.cells import CELLS
>>> "gru" in [name.lower() for name in CELLS]
True
"""
