"""Handle weights that torch computes: by hooks (`weight_norm`, `spectral_norm`, `prune`), or by `parametrize`.

A layer always reads the present value of a weight. A file of the weights has the values themselves:

>>> import elman
>>> layer = elman.nn.GRU(3, 5)
>>> _ = torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
>>> sorted(plain_state(layer)) == sorted(elman.nn.GRU(3, 5).state_dict())
True
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from elman.nn.evaluation import evaluating

_COMPILED = "_orig_mod."  # what torch.compile puts in front of the names of a module's tensors


def present(module: nn.Module, names: Sequence[str]) -> list[Tensor]:
    """Look up the tensors that a module has under these names at present."""
    own = module._parameters
    # A tensor that torch computes, or that replaces a parameter, is an attribute.
    return [own.get(name) if name in own else getattr(module, name) for name in names]  # type: ignore[misc]


@contextmanager
def computed_weights(module: nn.Module) -> Iterator[None]:
    """Compute a module's weights, as each call of the module does first, for reads inside the block.

    The hooks are those of `torch.nn.utils.weight_norm`, `spectral_norm` and `prune`; `parametrize` computes at a read.
    Both do so as in evaluation: in training, each read would continue the iteration of spectral normalisation.
    """
    with evaluating(module):
        for hook in module._forward_pre_hooks.values():
            if computes_weights(hook):
                hook(module, ())
        yield


def computes_weights(hook: object) -> bool:
    """Test whether a hook computes a weight and does nothing else."""
    kinds = {"torch.nn.utils.weight_norm": "WeightNorm", "torch.nn.utils.spectral_norm": "SpectralNorm"}
    kinds["torch.nn.utils.prune"] = "BasePruningMethod"
    return any(kinds.get(of.__module__) == of.__name__ for of in type(hook).__mro__)


@torch.no_grad()
def plain_state(module: nn.Module) -> dict[str, Tensor]:
    """Return the `state_dict` that the module would have if its computed weights were parameters.

    It fits a module of the same class without hooks and parametrisations, which then computes the same in evaluation.
    """
    state = dict(module.state_dict())
    for prefix, part in module.named_modules():
        start = f"{prefix}." if prefix else ""
        for name, sources in _computed_names(part).items():
            with computed_weights(part):
                value = getattr(part, name).detach().clone()
            state = {
                key: tensor for key, tensor in state.items() if not key.startswith((*(start + s for s in sources),))
            }
            state[start + name] = value
    return {key.replace(_COMPILED, ""): tensor for key, tensor in state.items()}


def _computed_names(module: nn.Module) -> dict[str, list[str]]:
    """Find the names of a module's computed weights, each with prefixes of the names of what it is computed from."""
    computed: dict[str, list[str]] = {}
    if parametrize.is_parametrized(module):
        computed = {name: [f"parametrizations.{name}."] for name in module.parametrizations}  # type: ignore[union-attr]
    for hook in module._forward_pre_hooks.values():
        if computes_weights(hook):
            name = str(getattr(hook, "name", None) or hook._tensor_name)  # type: ignore[attr-defined]
            computed[name] = [f"{name}_{part}" for part in ("g", "v", "u", "orig", "mask")]
    return computed
