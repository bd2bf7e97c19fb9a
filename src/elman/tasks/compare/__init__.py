"""Compare cells by training each on the same data with several seeds: the command `compare`.

`run` trains, through the recipe of a task or the problems of `probe`; `result` holds the scores and says which
differences are larger than chance; `table` writes them for people and for a paper, and `picture` draws them.

>>> from elman.tasks.compare import compare
>>> compare(["lstm", "gru"], "reviews.csv", recipe="classify", seeds=5).differences()   # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.compare.run import compare

__all__ = ["compare"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "run"))
