"""The base of all estimators of this package: parameters as scikit-learn's estimators have them, without scikit-learn.

>>> class Doubler(Estimator):
...     _parameters = {"times": 2}
>>> Doubler(times=3), Doubler().get_params()
(Doubler(times=3), {'times': 2})
"""

import inspect
from collections.abc import Mapping
from html import escape
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np

from elman.errors import ConfigError
from elman.models.conventions import make_tags, not_fitted
from elman.models.trained import Trained

TRAINING: Mapping[str, Any] = {"from_model": None, "log": None, "callbacks": ()}
"""Parameters of every estimator that are no options of its task; see :meth:`elman.training.recipe.Recipe.train`."""


class Estimator:
    """An estimator: parameters by name, and the trained model in `model_`.

    A subclass lists its parameters with their defaults in `_parameters`, and describes X and y in `_given` and
    `_target`, with the fields of scikit-learn's tags.
    """

    _parameters: ClassVar[Mapping[str, Any]] = {}
    _kind: ClassVar[str | None] = None
    _given: ClassVar[Mapping[str, bool]] = {}
    _target: ClassVar[Mapping[str, bool]] = {"required": True}
    __signature__: ClassVar[inspect.Signature]

    model_: Trained

    def __init_subclass__(cls) -> None:
        cls.__signature__ = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
                for name, default in cls._defaults().items()
            ]
        )

    def __init__(self, **parameters: Any) -> None:
        # As scikit-learn requires, values are checked when `fit` is called.
        bound = type(self).__signature__.bind(**parameters)
        bound.apply_defaults()
        vars(self).update(bound.arguments)

    def __repr__(self) -> str:
        given = [f"{name}={value!r}" for name, value in self._changed().items()]
        return f"{type(self).__name__}({', '.join(given)})"

    def _repr_html_(self) -> str | None:
        """Show what was learnt in a notebook; None, which shows the parameters as text, where nothing was."""
        show = getattr(vars(self).get("model_"), "_repr_html_", None)
        return None if show is None else f"<code>{escape(repr(self))}</code>{show()}"

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        return dict(cls._parameters)

    def _changed(self) -> dict[str, Any]:
        """Return the parameters that are not their defaults."""
        defaults = self._defaults()
        return {name: value for name, value in self.get_params().items() if value != defaults[name]}

    def _options(self) -> dict[str, Any]:
        """Return the options for a recipe; numpy's numbers, of which grids are often made, become Python's."""
        changed = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in self._changed().items()
        }
        return {"quiet": True, "compare": False, **changed}

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - no parameter has parameters
        """Return the parameters by name.

        Args:
            deep: has no effect.
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters; the trained model stays until `fit` is called.

        Raises:
            ConfigError: there is no such parameter.
        """
        defaults = self._defaults()
        for name, value in parameters.items():
            if name not in defaults:
                raise ConfigError(f"{type(self).__name__} has no parameter {name!r}. There are: {', '.join(defaults)}.")
            setattr(self, name, value)
        return self

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to one file, for the command line and `elman.load`.

        Raises:
            NotFittedError: `fit` was not called yet.
            ElmanError: the file cannot be written.
        """
        self._learnt().save(path)

    def _learnt(self) -> Any:
        if "model_" not in vars(self):
            raise not_fitted(f"This {type(self).__name__} has learnt nothing yet. Call fit first.")
        return self.model_

    def __sklearn_tags__(self) -> Any:
        timed = self.get_params().get("time_budget") is not None  # the result depends on the speed of the machine
        return make_tags(self._kind, dict(self._target), dict(self._given), deterministic=not timed)
