"""Measure how fast the package is, always beside something else and in one run.

A claim of speed in this repository has a script here. Each measures all its candidates in turn, round after round, so
that what the machine does meanwhile falls on all of them alike; it prints a table and writes machine, versions and
medians to `bench/results/NAME.json`.

    make bench                            every script that needs no data
    .venv/bin/python -m bench drop_ins    one of them

A script is a file of this folder with a function `run`, which takes nothing and returns the rows of its table.
"""
