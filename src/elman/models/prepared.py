"""The decoder of a model that attends, made ready for the many single steps of a search.

In every step the layers of the module ask what they are given and where it may run, which takes longer than computing
few rows. Here that is asked once, and a step is a dozen calls of compiled code with packed weights. The numbers are
those of :meth:`elman.models.attending.AttendingDecoder.decode`, bit for bit.

>>> from elman import cells
>>> from elman.backends.held import held
>>> from elman.models.attending import AttendingDecoder
>>> from elman.models.layers import Layers
>>> class Copier(AttendingDecoder):
...     def __init__(self, layers):
...         super().__init__(layers, units=7, size=8)
...         self.recurrent = layers.build(cells.gru, 8, "a text")
...         self.add_decoder(cells.gru, layers, memory=5)
>>> model = Copier(Layers(hidden=8)).eval()
>>> with torch.no_grad(), held(model.parameters()):
...     state = model.begin(torch.randn(3, 2, 5), torch.tensor([3, 2]))
...     logits, state = PreparedDecoder.prepare(model, state).step(torch.tensor([6, 6]), state, 0)
>>> logits.shape
torch.Size([2, 7])
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_code

from elman.backends import requested
from elman.backends.held import are_held, pack_once
from elman.models.attending import AttendingDecoder, DecoderState
from elman.nn import Recurrent
from elman.nn.attention import Attention, AttentionMemory
from elman.nn.rowwise import Linear, runs_in_kernels
from elman.nn.states import as_states, listed
from elman.nn.weights import present
from elman.ops import operators

Multiply = Callable[[Tensor], Tensor]
Advance = Callable[[Tensor, Sequence[Tensor]], list[Tensor]]
Made = TypeVar("Made")


class _Look(NamedTuple):
    """An attention: what projects a query, if anything does, and the vector of additive attention."""

    project: Multiply | None
    scorer: Tensor | None


class PreparedDecoder:
    """Single steps of a decoder; :meth:`prepare` makes one where that can be done."""

    def __init__(self, model: AttendingDecoder) -> None:
        self._table, self._scale, self._wait = model.target_embedding.weight, model.scale, model.wait
        self._feeds = model.input_feeding
        self._first, self._second = _open_steps(model.first_layer), _open_steps(model.second)
        self._attention = _open_attention(model.attention)
        self._again = None if model.look_again is None else _open_attention(model.look_again)
        self._join = _open_product(model.join.weight, model.join.bias)
        self._read_out = _open_product(model.target_embedding.weight, model.bias)

    @classmethod
    def prepare(cls, model: AttendingDecoder, state: DecoderState) -> Self | None:
        """Make a decoder ready for what follows a state.

        Returns:
            None where the module itself has to run: its weights are not held, or lie where kernels cannot read them; it
            is in training, or autograd records; or hooks are called.
        """
        layers = (model.first_layer, model.second)
        if model.training or _has_hooks(model) or not all(map(_is_plain, layers)):
            return None
        weights = [model.target_embedding.weight, model.bias]
        for part in model.modules():
            weights += present(part, part._names[0][0]) if part in layers else []
            weights += [part.weight, *([] if part.bias is None else [part.bias])] if type(part) is Linear else []
            weights += [part.scorer] if isinstance(part, Attention) and part.scorer is not None else []
        read = [*weights, state.memory.keys, state.memory.values, state.again.keys, *listed(state.first)]
        can_read = not operators.is_followed(read) and runs_in_kernels(read)
        can_read = can_read and are_held(weights) and all(weight.is_contiguous() for weight in weights)
        return cls(model) if can_read else None

    def step(self, units: Tensor, state: DecoderState, step: int) -> tuple[Tensor, DecoderState]:
        """Read a unit of each target, (R,), as the step of this number; return logits (R, V) and the state behind."""
        embedded = self._table.detach().index_select(0, units).mul_(self._scale)
        fed = embedded if state.joined is None else torch.cat([embedded, state.joined], 1)
        first = self._first(fed, [of[0] for of in listed(state.first)])
        context, weights = self._look(self._attention, first[0], state.memory, step)
        second = self._second(torch.cat([first[0], context], 1), [of[0] for of in listed(state.second)])
        if self._again is not None:
            context, weights = self._look(self._again, second[0], state.again, step)
        joined = self._join(torch.cat([embedded, second[0], context], 1)).tanh_()
        after_first, after_second = (as_states([of[None] for of in states]) for states in (first, second))
        fed_back = joined if self._feeds else None
        new = DecoderState(after_first, after_second, state.memory, state.again, weights, fed_back)
        return self._read_out(joined), new

    def _look(self, attention: _Look, query: Tensor, memory: AttentionMemory, step: int) -> tuple[Tensor, Tensor]:
        """Return contexts (R, M) and weights (R, S)."""
        from elman.backends.llvm.run.attention import attend

        (rows, _), heads, scorer = query.shape, memory.heads, attention.scorer
        limits = memory.lengths if self._wait is None else memory.lengths.clamp(max=self._wait + step)
        limits = limits.repeat_interleave(heads) if heads > 1 else limits
        projected = query if attention.project is None else attention.project(query)
        projected = projected.view(rows * heads, 1, -1)
        if scorer is None:
            projected = projected / math.sqrt(projected.shape[2])
        scorers = None if scorer is None else scorer.detach().repeat(rows, 1)
        weights, context = attend(projected, memory.keys, memory.values, limits[:, None], scorers, memory.places)
        looked = weights.view(rows, heads, 1, -1).mean(1) if heads > 1 else weights
        return context.view(rows, -1), looked[:, 0]


def _is_plain(layer: Recurrent) -> bool:
    """Tell whether a layer is one, reads its input alone in one direction, and may run in kernels."""
    is_own = type(layer) is Recurrent and requested(layer.backend) in ("auto", "llvm")
    return is_own and layer.num_layers == 1 and not layer.bidirectional and not layer.program.sides


def _has_hooks(model: nn.Module) -> bool:
    """Tell whether a call of a module runs more than its forward."""
    everywhere = module_code._global_forward_pre_hooks or module_code._global_forward_hooks
    return bool(everywhere) or any(part._forward_pre_hooks or part._forward_hooks for part in model.modules())


def _open_steps(layer: Recurrent) -> Advance:
    from elman.backends.llvm.run.steps import HeldSteps

    parameters = present(layer, layer._names[0][0])
    return _make_once(("steps", layer.program), parameters, lambda: HeldSteps(layer.program, parameters)).step


def _open_product(weight: Tensor, bias: Tensor | None = None) -> Multiply:
    from elman.backends.llvm.run.product import PackedMatrix

    parameters = [weight] if bias is None else [weight, bias]
    return _make_once("matrix", parameters, lambda: PackedMatrix(*parameters)).multiply


def _open_attention(attention: Attention) -> _Look:
    query = attention.query
    return _Look(None if query is None else _open_product(query.weight, query.bias), attention.scorer)


def _make_once(what: Hashable, weights: Sequence[Tensor], make: Callable[[], Made]) -> Made:
    made = pack_once(what, weights, make)
    return make() if made is None else made
