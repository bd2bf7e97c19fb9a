"""Say what a recipe and the commands give each other, so that no command knows a recipe.

A recipe says in its `settings.py`, which loads no torch, what the commands tell of it:

>>> from elman.tasks.tag.settings import COMMANDS
>>> COMMANDS.settings.__name__, COMMANDS.length
('TagSettings', None)
"""

from dataclasses import dataclass

from elman.options import OptionTable


@dataclass(frozen=True, kw_only=True)
class Commands:
    """What the commands say of a recipe.

    Attributes:
        settings: the table of the options of its training.
        length: how many time steps are looked at inside a model; None where each example has its own length.
    """

    settings: type[OptionTable]
    length: int | None = None
