"""Name what can go wrong, so that a caller catches one class and reads one sentence.

The tree::

    ElmanError
    ├── CellError            the equations of a cell do not hold together
    ├── ShapeError           tensors or sizes do not fit each other
    │   └── TensorError      a tensor has another dtype, device or layout than it must
    ├── ConfigError          an option has a value that cannot work
    │   └── NotFittedError   an estimator is asked before it has learnt
    ├── BackendError         a backend is unknown or cannot run here
    └── DataError            a file or text is not what was expected

But for BackendError, which blames the machine, all are ValueErrors, too.

Every message has three parts: what is wrong, where, and what to do about it.
"""


class ElmanError(Exception):
    """Be the base of every error that this package raises on purpose."""


class CellError(ElmanError, ValueError):
    """Say that the equations of a cell do not hold together."""


class ShapeError(ElmanError, ValueError):
    """Say that tensors or sizes do not fit each other."""


class TensorError(ShapeError, RuntimeError):
    """Report a tensor whose dtype, device or layout does not fit; where torch itself checks, it raises RuntimeError."""


class ConfigError(ElmanError, ValueError):
    """Say that an option has a value that cannot work."""


class NotFittedError(ConfigError, AttributeError):
    """An estimator was asked before it has learnt; where scikit-learn is loaded, its own error of this name as well."""


class BackendError(ElmanError):
    """Say that a backend is unknown or cannot run a program here."""


class DataError(ElmanError, ValueError):
    """Say that a file or a text is not what was expected."""


class SlowWarning(UserWarning):
    """Warn that something runs right but much slower than its user would expect."""
