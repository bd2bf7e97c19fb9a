"""Write the recurrent layers of a model for WebAssembly as functions that run over steps, a direction each.

`runN(x, y, steps, x_step, y_step)` reads rows that are `x_step` bytes apart, and writes rows; the states go on from
where they are, `reset()` sets all to zero. Negative distances run from the end to the start.

>>> import elman
>>> from elman.export.network import take
>>> module = ModuleWriter()
>>> write_runs(module, take(elman.nn.GRU(3, 5, num_layers=2, bidirectional=True)))
[{'size': 5, 'runs': [0, 1]}, {'size': 5, 'runs': [2, 3]}]
>>> module.exports
['reset', 'run0', 'run1', 'run2', 'run3']
"""

from typing import Any

from elman.export.network import NetworkData
from elman.export.wasm.code import ModuleWriter
from elman.export.wasm.layer import write_states
from elman.export.wasm.memory import vectors
from elman.export.wasm.step import StepWriter


def write_runs(module: ModuleWriter, network: NetworkData) -> list[dict[str, Any]]:
    """Write a function for each layer and direction.

    Returns:
        For each layer, as plain data, the size of an output and the numbers of its functions.
    """
    steps = write_states(module, network)
    for number, step in enumerate(steps):
        _write_run(module, f"run{number}", step, network.state_sizes[0])
    count = network.directions
    return [
        {"size": network.state_sizes[0], "runs": list(range(first, first + count))}
        for first in range(0, len(steps), count)
    ]


def _write_run(module: ModuleWriter, name: str, step: StepWriter, size: int) -> None:
    function = module.function(name, 5)
    b, (x, y, count, x_step, y_step) = function.b, function.args
    with function.repeat([x, y, count]) as state:
        source, target, left = state.values
        step.write(function, source, None)
        with function.loop(vectors(size)) as offset:
            function.store(function.load(step.states[0], offset), target, offset)
        fewer = b.sub(left, function.number(1))
        more = b.icmp_unsigned("!=", fewer, function.number(0))
        state.go_on([b.add(source, x_step), b.add(target, y_step), fewer], more)
    function.end()
