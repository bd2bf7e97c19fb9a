"""List all mutants."""

from mutants.layer_mutants import LAYER_MUTANTS
from mutants.task_mutants import TASK_MUTANTS

MUTANTS = (*LAYER_MUTANTS, *TASK_MUTANTS)
