"""What torch's tools find at a module: pickling, scripting, quantising, tracing, export to ONNX.

Each tool works, or answers with a sentence that names what to call instead. A pickled layer holds its equations as
text, so that loading it without executing code needs the layer's class alone:

>>> import elman, io
>>> file = io.BytesIO()
>>> torch.save(elman.nn.GRU(3, 5), file)
>>> _ = file.seek(0)
>>> with torch.serialization.safe_globals([elman.nn.GRU]):
...     torch.load(file, weights_only=True)
GRU(3, 5)
"""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from torch import fx, nn

from elman.autodiff.program import Program, derive, read_program
from elman.errors import ConfigError

_TRACES = torch._C._get_tracing_state
_QCONFIG = "_qconfig"  # what a tool of quantisation has set
_TEXTS = "_texts"  # of the programs, in the state that is pickled


class TorchTools(nn.Module):
    """The part of a layer that torch's tools use; a layer lists it in front of its other bases."""

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: programs as text, which is read and never executed."""
        state = dict(super().__getstate__())  # type: ignore[misc]
        programs = {name: value for name, value in state.items() if isinstance(value, Program)}
        texts = {name: (program.text, program.cell.source) for name, program in programs.items()}
        return {name: value for name, value in state.items() if name not in (*texts, "cell")} | {_TEXTS: texts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read what was pickled, also by a version that pickled programs as objects."""
        state = dict(state)
        for name, (text, source) in state.pop(_TEXTS, {}).items():
            read = read_program(text)
            state[name] = derive(dataclasses.replace(read.cell, source=source), read.bias, read.noise)
        if "program" in state and "cell" not in state and not isinstance(self, nn.RNNBase | nn.RNNCellBase):
            state["cell"] = state["program"].cell
        super().__setstate__(state)

    @property
    def qconfig(self) -> Any:
        """What a tool of quantisation has set; the layer itself is not quantised."""
        try:
            return self.__dict__[_QCONFIG]
        except KeyError:
            raise AttributeError("qconfig") from None

    @qconfig.setter
    def qconfig(self, value: Any) -> None:
        warnings.warn(
            f"torch's quantisation leaves {type(self).__module__}.{type(self).__qualname__} as it is: its weights stay "
            f"{next((str(p.dtype) for p in self.parameters()), 'as they are')}, and the modules around it may change.",
            stacklevel=4,
        )
        self.__dict__[_QCONFIG] = value

    @qconfig.deleter
    def qconfig(self) -> None:
        del self.__dict__[_QCONFIG]

    def __prepare_scriptable__(self) -> NoReturn:
        raise ConfigError(
            f"torch.jit.script: {type(self).__name__} runs compiled code, which TorchScript does not read.\n"
            "  Use torch.jit.trace, torch.compile or torch.export on the module around it."
        )


def is_exported_to_onnx() -> bool:
    """Test whether torch.onnx.export runs the module; it never does so without tracing or compiling."""
    return (torch.compiler.is_compiling() or _TRACES() is not None) and torch.onnx.is_in_onnx_export()


def is_exported_by_tracing() -> bool:
    """Test whether it is the exporter that traces (``dynamo=False``), which has more operators."""
    return _TRACES() is not None


def as_node(module: nn.Module, x: Any, others: Mapping[str, object], sides: Mapping[str, object] | None = None) -> Any:
    """Return a node that calls the module whole if torch.fx traces its input, else None.

    Args:
        module: the module that is called.
        x: its first argument.
        others: its other arguments, by name.
        sides: further ones.

    Raises:
        ConfigError: the module itself is traced, and none around it.
    """
    if not isinstance(x, fx.Proxy):
        return None
    tracer: Any = x.tracer
    if tracer.root is module:
        raise ConfigError(
            f"torch.fx: {type(module).__name__} is traced by itself.\n  It is one node of the module around it.\n"
            "  Trace that module, or torch.nn.Sequential of this one."
        )
    given = {name: value for name, value in {**others, **(sides or {})}.items() if value is not None}
    return tracer.create_proxy("call_module", tracer.path_of_module(module), (x,), given)
