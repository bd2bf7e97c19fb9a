"""Plant mistakes in the package, one at a time, and find out whether any test notices.

A planted fault (`tests/faults`) names the tests that guard against it. A mutant names none: it was chosen as a hostile
reader would, and all tests near it are tried. `make mutants` does that, and writes what came of each into
`outcomes.tsv`. A mutant that survives everything asks for a test, or for the reason why no test can tell it apart.
"""
