"""The numbers of a comparison. This file imports the standard library alone, so that `--help` is fast."""

SEEDS = 3
LENGTH = 50

KEPT_EQUAL = ("seed", "seeds", "time_budget", "last_update", "patience", "start")
"""Options that a comparison sets itself, or that would end trainings after different numbers of updates."""
