"""Find what a model gives to its recurrent layers, and what gradient its loss sends back to them.

>>> import elman
>>> from elman.flow import examine
>>> layer, head = elman.nn.GRU(3, 5), torch.nn.Linear(5, 1)
>>> model = torch.nn.ModuleList([layer, head])
>>> [seen] = observe(model, lambda: head(layer(torch.ones(7, 2, 3))[0]).square().mean())
>>> flow = examine(**seen)
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
"""What torch's layers call the arguments of ours."""


def observe(model: nn.Module, loss: Callable[[], Tensor]) -> list[dict[str, Any]]:
    """Run a loss once and keep what passes through each recurrent layer.

    Args:
        model: holds the layers.
        loss: runs the model and gives a number. The model should be in evaluation, since dropout is not seen.

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
    found = []
    for given, (output, final) in calls:
        data = output.data if isinstance(output, PackedSequence) else output
        states = listed(final)
        gradients = torch.autograd.grad(value, [data, *states], retain_graph=True, allow_unused=True)
        d_data, *d_states = (
            torch.zeros_like(t) if g is None else g for t, g in zip([data, *states], gradients, strict=True)
        )
        upstream = output._replace(data=d_data) if isinstance(output, PackedSequence) else d_data
        found.append({**given, "grad_output": upstream, "grad_final": d_states})
    return found


def arguments_of(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Name what a layer was called with as :func:`elman.flow.examine` does."""
    bound = inspect.signature(layer.forward).bind(*args, **kwargs).arguments
    given = {SAME.get(name, name): value for name, value in bound.items() if name != "sides"}
    return {"layer": layer, **given, "sides": bound.get("sides")}
