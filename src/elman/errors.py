"""The errors of this package: a caller catches one class and reads one sentence.

The tree::

    ElmanError
    ├── CellError            the equations of a cell are wrong or do not fit each other
    ├── ShapeError           tensors or sizes do not fit each other
    │   └── TensorError      a tensor has another dtype, device or layout than it must
    ├── ConfigError          an option has a value that cannot work
    │   └── NotFittedError   an estimator is used before `fit`
    ├── BackendError         a backend is unknown or cannot run on this machine
    └── DataError            a file or text is not what was expected

All are ValueErrors as well, except BackendError: its cause is the machine, not a value.

Every message has three parts: what is wrong, where, and what to do about it.
"""


class ElmanError(Exception):
    """The base of every error that this package raises on purpose."""


class CellError(ElmanError, ValueError):
    """The equations of a cell are wrong or do not fit each other."""


class ShapeError(ElmanError, ValueError):
    """Tensors or sizes do not fit each other."""


class TensorError(ShapeError, RuntimeError):
    """A tensor has a wrong dtype, device or layout; also a RuntimeError, which torch raises where it checks itself."""


class ConfigError(ElmanError, ValueError):
    """An option has a value that cannot work."""


class NotFittedError(ConfigError, AttributeError):
    """An estimator is used before `fit`; where scikit-learn is loaded, also its own error of this name."""


class BackendError(ElmanError):
    """A backend is unknown, or cannot run a program on this machine."""


class DataError(ElmanError, ValueError):
    """A file or a text is not what was expected."""


class SlowWarning(UserWarning):
    """A warning: the result is right, but computing it takes much longer than its user would expect."""
