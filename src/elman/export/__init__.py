"""Write layers as files that run elsewhere, verified while they are written: ONNX, C, object files, WebAssembly.

`network` takes the equations and numbers out of a layer, `checking` compares what was written with them, and `target`
refuses a place and fills it. ONNX: `standard` recognises the cells that ONNX has, `loops` writes any other, `stack`
puts layers on top of each other, `layers` is the whole file, `graph` its nodes. C: `c_functions` are the kernels'
functions, `c_step` is one step of a layer, `c_declarations` what a program sees of it, `c_file` the whole file.
WebAssembly is a folder, `wasm`, object files are `objects`, and `step_plan` is what a step computes in which order, for
all of them. `torch_modules` are plain torch. Models: `pieces` and `readouts` are the
layers around recurrent ones, `attending` a decoder that attends, `ports` their inputs, `card` what a model says,
`models` the files, `pages` pages for a browser.

>>> import elman, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     agreement = to_onnx(elman.nn.Recurrent(elman.cells.mgu, 3, 5), f"{folder}/mgu.onnx")
...     card = read_card(f"{folder}/mgu.onnx")
>>> agreement.difference < agreement.bound, card["cell"], card["operator"]
(True, 'mgu', 'Scan')
"""

import importlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import BackendError, DataError

if TYPE_CHECKING:
    from torch import nn

    from elman.export.checking import Agreement

__all__ = ["read_card", "to_c", "to_object", "to_onnx", "to_torch", "to_wasm"]

_OLDEST_RUNTIME = (1, 17)


def to_onnx(layer: Any, path: str | os.PathLike[str], *, step: bool = False, force: bool = False) -> "Agreement":
    """Write a layer as a file of ONNX, once ONNX Runtime has computed the same with it.

    A cell that is ONNX's RNN, LSTM or GRU becomes that node, any other a loop (`Scan`). Batch and time are free axes.

    Args:
        layer: one of `elman.nn`: Recurrent, RNN, LSTM, GRU; or a module of one step: Cell, RNNCell, LSTMCell, GRUCell.
        path: the file.
        step: write one step, which reads states and returns them, and no loop over time.
        force: replace a file that is there.

    Returns:
        The largest difference on sequences of 1, 7 and 123 steps, relative to the largest number, and its bound.

    Raises:
        ConfigError: the layer or the target cannot be exported, see the message.
        BackendError: onnx or onnxruntime is not installed, or too old.
        ElmanError: the file does not compute the same; nothing was written.
    """
    require_onnx()
    from elman.export import layers

    return layers.write(layer, path, step, force)


def to_c(
    layer: Any, path: str | os.PathLike[str], *, name: str | None = None, force: bool = False
) -> "Agreement | None":
    """Write a layer as one file of C99, once a compiler has made a program of it that computes the same.

    It needs no library but math.h, allocates nothing, and has no global state; `NAME_step` is one time step.

    Args:
        layer: as for :func:`to_onnx`, in one direction.
        path: the file.
        name: the prefix of everything in it; None takes the name of the file.
        force: replace a file that is there.

    Returns:
        The largest difference, as for :func:`to_onnx`; None where there is no compiler, which the file says.

    Raises:
        ConfigError: the layer, the name or the target cannot be exported, see the message.
        ElmanError: the file does not compute the same; nothing was written.
    """
    from elman.export import c_file

    return c_file.write(layer, path, name, force)


def to_object(
    layer: Any,
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    name: str | None = None,
    force: bool = False,
) -> "Agreement":
    """Write a layer as an object file, with a header beside it, once the same program has run in this process.

    The functions are those of :func:`to_c`; nothing is needed but what computes floats where the processor cannot.

    Args:
        layer: as for :func:`to_onnx`, in one direction.
        path: the file, `NAME.o`; the header is `NAME.h`.
        target: LLVM's triple of processor and system, such as `thumbv7em-none-eabihf`; None for machines of this kind.
        name: the prefix of everything in it; None takes the name of the file.
        force: replace files that are there.

    Returns:
        The largest difference, as for :func:`to_onnx`. For this machine it is that of the very file, for another one
        that of the same program compiled for this machine.

    Raises:
        ConfigError: the layer, the name or the target cannot be exported, see the message.
        ElmanError: the program does not compute the same; nothing was written.
    """
    from elman.export.objects import layer as objects

    return objects.write(layer, path, name, target, force)


def to_wasm(layer: Any, path: str | os.PathLike[str], *, force: bool = False) -> "Agreement | None":
    """Write a layer as a module of WebAssembly, once Wasmtime has computed the same with it.

    It holds its weights and needs nothing from outside; `step()` is one time step. See :mod:`elman.export.wasm.layer`.

    Args:
        layer: as for :func:`to_onnx`, in one direction.
        path: the file.
        force: replace a file that is there.

    Returns:
        The largest difference, as for :func:`to_onnx`; None where Wasmtime is not installed, which the card says.

    Raises:
        ConfigError: the layer or the target cannot be exported, see the message.
        ElmanError: the module does not compute the same; nothing was written.
    """
    from elman.export.wasm import layer as module

    return module.write(layer, path, force)


def to_torch(layer: Any) -> "nn.Module":
    """Convert a layer into a module of plain torch.

    Args:
        layer: as for :func:`to_onnx`.

    Returns:
        Torch's own RNN, LSTM, GRU or their cells with these weights, where torch has the cell; a drop-in keeps its
        whole `state_dict`, to the bit. Any other becomes a loop in TorchScript, which needs torch alone: it takes x
        (T, B, I) and the states joined along their last axis, and returns the output and the final states so. It is
        compared with the layer first; a line of the log says why it is a loop.

    Raises:
        ConfigError: the layer cannot be exported, see the message.
        ElmanError: the loop does not compute the same.
    """
    from elman.export import torch_modules

    return torch_modules.convert(layer)


def read_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what an exported file says about itself: cell, sizes, what was verified, and what it was trained on.

    Args:
        path: a file of ONNX or WebAssembly that this package wrote.

    Raises:
        DataError: it is not such a file.
        BackendError: it is no module of WebAssembly, and onnx is not installed.
    """
    from elman.export.wasm.linker import KEY, read_section, starts_as_module

    try:
        content = Path(path).read_bytes()
        if starts_as_module(content):
            return dict(json.loads(read_section(content, KEY)))
    except OSError as reason:
        raise DataError(f"{path} cannot be read: {reason.strerror}. Check the path.") from None
    except (ValueError, IndexError, KeyError):
        raise DataError(f"{path} is not a module that elman exported. Write one with elman export.") from None
    require_onnx()
    import onnx

    try:
        model = onnx.ModelProto.FromString(content)
        card = next(json.loads(row.value) for row in model.metadata_props if row.key == KEY)
    except Exception:  # noqa: BLE001 - protobuf and json have exceptions of their own
        raise DataError(f"{path} is not a file that elman exported to ONNX. Write one with elman export.") from None
    return dict(card)


def require_onnx() -> None:
    """Check that ONNX files can be written and run.

    Raises:
        BackendError: a package is missing or too old.
    """
    try:
        importlib.import_module("onnx")
        runtime = importlib.import_module("onnxruntime")
    except ImportError as reason:
        raise BackendError(
            f"export needs {reason.name}, and it is not installed. Install it: pip install 'elman[onnx]'."
        ) from None
    if tuple(int(part) for part in runtime.__version__.split(".")[:2]) < _OLDEST_RUNTIME:
        raise BackendError(
            f"export: onnxruntime {runtime.__version__} is too old for the operators of opset 17 that are written. "
            "Install a newer one: pip install -U 'elman[onnx]'."
        )
