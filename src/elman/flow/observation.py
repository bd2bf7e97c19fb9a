"""Record the inputs of a model's recurrent layers, and the gradients that its loss sends back to them.

>>> import elman
>>> from elman.flow import examine
>>> layer, head = elman.nn.GRU(3, 5), torch.nn.Linear(5, 1)
>>> model = torch.nn.ModuleList([layer, head])
>>> [arguments] = observe(model, lambda: head(layer(torch.ones(7, 2, 3))[0]).square().mean())
>>> flow = examine(**arguments)
>>> flow.influence["l0"].map.shape
(7, 7)
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from elman.errors import ConfigError
from elman.nn.recurrent import Recurrent
from elman.nn.states import listed

SAME = {"input": "x", "hx": "initial_state"}
"""Our names of the arguments of torch's layers."""


def observe(model: nn.Module, loss: Callable[[], Tensor]) -> list[dict[str, Any]]:
    """Run a loss once and record what passes through each recurrent layer.

    Args:
        model: contains the layers.
        loss: runs the model and returns its loss. The model should be in evaluation mode, since the figures know no
            dropout.

    Returns:
        For each call of a layer, in order, the arguments of :func:`elman.flow.examine`.

    Raises:
        ConfigError: no recurrent layer ran.
    """
    calls: list[tuple[dict[str, Any], Any]] = []

    def keep(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        calls.append((arguments_of(module, args, kwargs), output))

    layers = [m for m in model.modules() if isinstance(m, Recurrent | nn.RNNBase)]
    hooks = [layer.register_forward_hook(keep, with_kwargs=True) for layer in layers]
    try:
        with torch.enable_grad():
            value = loss()
    finally:
        for hook in hooks:
            hook.remove()
    if not calls:
        raise ConfigError(
            f"flow: no recurrent layer of {type(model).__name__} ran.\n  The loss must run the model it belongs to.\n"
            "  Give a function that runs the model and returns its loss."
        )
    arguments = []
    for given, (output, final) in calls:
        data = output.data if isinstance(output, PackedSequence) else output
        states = listed(final)
        gradients = torch.autograd.grad(value, [data, *states], retain_graph=True, allow_unused=True)
        d_data, *d_states = (
            torch.zeros_like(t) if g is None else g for t, g in zip([data, *states], gradients, strict=True)
        )
        upstream = output._replace(data=d_data) if isinstance(output, PackedSequence) else d_data
        arguments.append({**given, "grad_output": upstream, "grad_final": d_states})
    return arguments


def arguments_of(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a layer's call under the names of :func:`elman.flow.examine`."""
    bound = inspect.signature(layer.forward).bind(*args, **kwargs).arguments
    given = {SAME.get(name, name): value for name, value in bound.items() if name != "sides"}
    return {"layer": layer, **given, "sides": bound.get("sides")}
