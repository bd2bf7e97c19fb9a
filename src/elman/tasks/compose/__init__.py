"""Models of music: compose in the style of a player, and harmonise a melody.

`recipe` trains, and `settings` holds its options. `reading` divides the pieces that :mod:`elman.data.music` reads;
`batches` numbers their frames and transposes them. `module` reads frames, `joint` writes the notes of a frame from the
top down, `independent` each by itself. `baseline` needs no recurrence, `scores` and `verdict` say what a model is
worth. `model` is the trained model, `composing` lets it write, `copied` looks for what it has copied; `tablature`,
`sound` and `picture` show what was written, and `commands` does the work of the command line.

>>> from elman.tasks.compose.settings import ComposeSettings
>>> ComposeSettings(grid=4).grid
4
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.compose.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
