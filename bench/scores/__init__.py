"""Measure what models are worth on public data: each script trains with the defaults, and prints scores."""
