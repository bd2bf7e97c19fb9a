"""Read and write text.

`recipe` trains, and `settings` holds its options. `corpus` reads a folder with a class each, `reading` turns text into
numbers and holds a part of it out. `module` holds the layers, `scores` measures them, `ngrams` counts what `baseline`
sets beside them, and `space` says what a search may choose. `reader` reads and completes,
`reorder` puts jumbled words in order, `interactive` helps while one types. `model` offers all of it, `view` shows it at
work, and `commands` does what the command line asks.

>>> from elman.tasks.generate.settings import Settings
>>> Settings(unit="word").unit
'word'
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.generate.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
