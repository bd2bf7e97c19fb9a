"""Run single time steps of a layer whose weights do not change, for any number of rows.

>>> from elman.autodiff import derive
>>> from elman.backends.held import held
>>> from elman.cells import elman
>>> weights = [torch.ones(5, 3), torch.ones(5, 5), torch.zeros(5)]
>>> with held(weights):
...     steps = HeldSteps(derive(elman), weights)
...     [h] = steps.step(torch.ones(7, 3), [torch.zeros(7, 5)])
>>> h.shape
torch.Size([7, 5])
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs
from elman.backends.llvm.plan import slots
from elman.backends.llvm.run.frames import Frames
from elman.backends.llvm.run.kernel import find_kernel

_MOST_READY = 32  # numbers of rows; what is ready for the others is made again


class HeldSteps:
    """The single steps of a layer: frames for each number of rows, in which a step changes addresses alone.

    Args:
        program: without side inputs.
        parameters: of the layer, held, contiguous, in plain memory of the CPU.
    """

    def __init__(self, program: Program, parameters: Sequence[Tensor]) -> None:
        self._parameters = [parameter.detach() for parameter in parameters]
        self._kernel = find_kernel(program, "forward", False, self._parameters[0].dtype)
        count = range(len(program.states))
        places = [slots.given(program.graph.input), slots.OUTPUT, *map(slots.begin, count), *map(slots.end, count)]
        self._moved = [self._kernel.slots[slots.address(place)] for place in places]
        self._ready: dict[tuple[int, int], Frames] = {}

    def step(self, x: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """Return the states after a step, of x (R, I) and the states (R, its size) before it, all contiguous."""
        new = [torch.empty_like(state) for state in states]
        frames = self._find(x, states, new)
        # The output is the first of the states.
        read = [x.data_ptr(), new[0].data_ptr(), *[s.data_ptr() for s in states], *[s.data_ptr() for s in new]]
        frames.arena.table[:, self._moved] = read
        frames.arena.run()
        return new

    def _find(self, x: Tensor, states: Sequence[Tensor], new: Sequence[Tensor]) -> Frames:
        key = (len(x), torch.get_num_threads())
        if key not in self._ready:
            if len(self._ready) == _MOST_READY:
                self._ready.clear()
            inputs = Inputs(x[None], states, self._parameters)
            self._ready[key] = frames = Frames(self._kernel, inputs)
            frames.fill_forward(inputs, new[0][None], new)
            frames.read_held()
        return self._ready[key]
