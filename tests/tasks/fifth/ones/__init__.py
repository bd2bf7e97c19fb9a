"""Count the ones in a sequence: a recipe that the package does not have, to see what one takes."""

from elman.lazy import offer

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
