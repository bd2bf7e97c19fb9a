"""Faults to plant in the reference and the layers; there are more in the other files of this folder.

Each is a mistake that somebody has made, or that a suite is known to overlook: PyTorch's own stays green when the
output of its recurrent layers is doubled.
"""

from faults.bag_catalogue import BAG_FAULTS
from faults.caption_catalogue import CAPTION_FAULTS
from faults.classify_catalogue import CLASSIFY_FAULTS
from faults.counting_catalogue import COUNTING_FAULTS
from faults.decoding_catalogue import DECODING_FAULTS
from faults.equation_catalogue import EQUATION_FAULTS
from faults.export_catalogue import EXPORT_FAULTS
from faults.fault import Fault
from faults.file_catalogue import FILE_FAULTS
from faults.flow_catalogue import FLOW_FAULTS
from faults.forecast_catalogue import FORECAST_FAULTS
from faults.hearing_catalogue import HEARING_FAULTS
from faults.held_out_catalogue import HELD_OUT_FAULTS
from faults.kernel_catalogue import KERNEL_FAULTS
from faults.language_catalogue import LANGUAGE_FAULTS
from faults.memory_catalogue import MEMORY_FAULTS
from faults.music_catalogue import MUSIC_FAULTS
from faults.order_catalogue import ORDER_FAULTS
from faults.pair_catalogue import PAIR_FAULTS
from faults.pretrained_catalogue import PRETRAINED_FAULTS
from faults.report_catalogue import REPORT_FAULTS
from faults.resuming_catalogue import RESUMING_FAULTS
from faults.series_catalogue import SERIES_FAULTS
from faults.serving_catalogue import SERVING_FAULTS
from faults.side_catalogue import SIDE_FAULTS
from faults.speech_catalogue import SPEECH_FAULTS
from faults.table_catalogue import TABLE_FAULTS
from faults.task_catalogue import TASK_FAULTS
from faults.together_catalogue import TOGETHER_FAULTS

EDGES = "tests/nn/test_edges.py"
MODULES = "tests/nn/test_drop_in_modules.py"
RECURRENT = "tests/nn/test_recurrent.py"
ZOO = "tests/cells/test_zoo.py"
INIT = "tests/nn/test_init.py"
REGULARISING = "tests/nn/test_regularising.py"
SIDES = "tests/nn/test_side_inputs.py"
RECOMPUTE = "tests/ops/test_recompute.py"
OPERATORS = "tests/ops/test_operators.py"
MIRROR = "tests/autodiff/test_mirror.py"
PENALTIES = "tests/nn/test_penalties.py"

_GRU_RESET = "    r = sigmoid(weight_ih.r @ x + bias_ih.r + weight_hh.r @ h + bias_hh.r)\n"
_GRU_UPDATE = "    z = sigmoid(weight_ih.z @ x + bias_ih.z + weight_hh.z @ h + bias_hh.z)\n"
_LEM_Z = "    z = (1 - delta_z) * z + delta_z * tanh(W.z @ y + V.z @ u + b.z)\n"
_LEM_Y = "    y = (1 - delta_y) * y + delta_y * tanh(W.y @ z + V.y @ u + b.y)\n"

FAULTS = (
    Fault(
        "two gates stand in the wrong order",
        "cells/torch_layers.py",
        _GRU_RESET + _GRU_UPDATE,
        _GRU_UPDATE + _GRU_RESET,
        only="every_gradient and GRU",
    ),
    Fault(
        "the hidden-to-hidden matrix is not transposed on the way back",
        "backends/tensor_calls.py",
        "return [Call(self._rounding(torch.matmul), (vectors[0], matrix), (index,))]",
        "return [Call(lambda v, m: v @ (m.T if m.shape[0] == m.shape[1] else m), (vectors[0], matrix), (index,))]",
        only="on_the_reference and RNN",
    ),
    Fault(
        "the output of the last step is lost",
        "backends/reference/__init__.py",
        "output = torch.stack(outputs)\n",
        "output = torch.stack([*outputs[:-1], torch.zeros_like(outputs[-1])])\n",
        only="on_the_reference",
    ),
    Fault(
        "the output is doubled",
        "backends/reference/__init__.py",
        "output = torch.stack(outputs)\n",
        "output = 2 * torch.stack(outputs)\n",
        only="on_the_reference",
    ),
    Fault(
        "the final state is that of the step before the last",
        "backends/reference/__init__.py",
        "outputs[t], carried = new[0], new\n",
        "outputs[t], carried = new[0], carried if t == (0 if reverse else length - 1) else new\n",
        only="on_the_reference",
    ),
    Fault(
        "the initial h and c are swapped",
        "nn/stack.py",
        "else s[row] for s in states]\n",
        "else s[row] for s in reversed(states)]\n",
        only="every_gradient and LSTM and not proj_size and -states-",
    ),
    Fault(
        "the directions take each other's initial state",
        "nn/stack.py",
        "row = k * len(directions) + d\n",
        "row = k * len(directions) + len(directions) - 1 - d\n",
        only="every_gradient and -states- and bidirectional:True",
    ),
    Fault(
        "the reverse direction is not reversed",
        "nn/stack.py",
        "reverse=d == 1",
        "reverse=False",
        only="every_gradient and bidirectional:True",
    ),
    Fault(
        "padding changes the state",
        "backends/reference/__init__.py",
        "new = [torch.where(valid[t], value, old) for value, old in zip(new, carried, strict=True)]",
        "new = [value + 0 * old for value, old in zip(new, carried, strict=True)]",
        only="on_the_reference and lengths",
    ),
    Fault(
        "padding stops the adjoint of the final state",
        "backends/reference/__init__.py",
        "carried = [torch.where(valid[t], value, d) for value, d in zip(carried, arrived, strict=True)]",
        "carried = [torch.where(valid[t], value, zero) for value, d in zip(carried, arrived, strict=True)]",
        only="on_the_reference and lengths",
    ),
    Fault(
        "what lies beyond a length reaches the gradients",
        "backends/reference/__init__.py",
        "x=fill(inputs.x)",
        "x=inputs.x",
        tests=EDGES,
        only="beyond_a_length",
    ),
    Fault(
        "the derivative of tanh is off by 0.1 %",
        "expr/primitives.py",
        "(d * (1 - y * y),)",
        "(1.001 * d * (1 - y * y),)",
        only="every_gradient and float64",
    ),
    Fault(
        "the derivative of sigmoid is off by 0.1 %",
        "expr/primitives.py",
        "(d * (y * (1 - y)),)",
        "(0.999 * d * (y * (1 - y)),)",
        only="every_gradient and float64 and GRU",
    ),
    Fault(
        "the gradient of the biases is dropped",
        "backends/tensor_calls.py",
        "whole = d.flatten(0, 1).sum(0)",
        "whole = 0 * d.flatten(0, 1).sum(0)",
        only="on_the_reference and bias:True",
    ),
    Fault(
        "the gradient of the biases misses the first step",
        "backends/tensor_calls.py",
        "whole = d.flatten(0, 1).sum(0)",
        "whole = d[1:].flatten(0, 1).sum(0)",
        only="on_the_reference and bias:True",
    ),
    Fault(
        "the gradient of the matrices misses the last step",
        "backends/tensor_calls.py",
        "d.flatten(0, 1).T @ v.flatten(0, 1)",
        "d[:-1].flatten(0, 1).T @ v[:-1].flatten(0, 1)",
        only="on_the_reference",
    ),
    Fault(
        "the adjoint that the caller gives for the final state is ignored",
        "backends/reference/__init__.py",
        "carried = list(d_final)",
        "carried = [torch.zeros_like(d) for d in d_final]",
        only="on_the_reference",
    ),
    Fault(
        "the adjoint is not carried from step to step",
        "backends/reference/__init__.py",
        "arrived = [carried[0] + d_output[t], *carried[1:]]",
        "arrived = [d_output[t], *carried[1:]]",
        only="on_the_reference",
    ),
    Fault(
        "dropout acts behind the last layer too",
        "nn/stack.py",
        " and k < len(layers) - 1",
        "",
        only="every_gradient and dropout",
    ),
    Fault(
        "dropout acts in evaluation",
        "nn/stack.py",
        "if training and dropout > 0",
        "if dropout > 0",
        tests=MODULES,
        only="dropout_acts_in_training_only",
    ),
    Fault(
        "the final states of a packed batch stay in the packed order",
        "nn/torch_layers.py",
        "as_states(permute(final, input.unsorted_indices))",
        "as_states(final)",
        only="every_gradient and packed_unsorted",
    ),
    Fault(
        "a cell reads the examples of a batch in another order",
        "nn/one_step.py",
        "whole = [s.reshape(1, -1, s.shape[-1]) for s in (x, *sides)]",
        "whole = [s.flip(0).reshape(1, -1, s.shape[-1]) for s in (x, *sides)]",
        tests="tests/nn/test_one_step.py",
        only="not every_gradient",
    ),
    Fault(
        "a pickled layer is read without its noise",
        "nn/torch_tools.py",
        "derive(dataclasses.replace(read.cell, source=source), read.bias, read.noise)",
        "derive(dataclasses.replace(read.cell, source=source), read.bias)",
        tests="tests/nn/test_torch_tools.py",
        only="loading_a_pickled",
    ),
    Fault(
        "a frozen stream keeps no copy of the weights",
        "nn/stream.py",
        "self._kept.append([p.clone() for p in tensors])",
        "self._kept.append(tensors)",
        tests="tests/nn/test_stream.py",
        only="frozen_stream_keeps",
    ),
    Fault(
        "a thawed stream still has the weights that it was frozen with",
        "nn/stream.py",
        'self._frozen, self._form, self._steps, self._kept = False, "float32", None, None',
        "self._steps = None",
        tests="tests/nn/test_stream.py",
        only="frozen_stream_keeps",
    ),
    Fault(
        "a stream forgets its state",
        "nn/stream.py",
        "self._states = [torch.stack([layer[i] for layer in new]) for i in range(len(self._states))]",
        "self._states = [torch.zeros_like(state) for state in self._states]",
        tests="tests/nn/test_stream.py",
        only="on_the_reference_is_the_whole",
    ),
    Fault(
        "long expressive memory shows the old z to y",
        "cells/long_expressive_memory.py",
        _LEM_Z + _LEM_Y,
        _LEM_Y + _LEM_Z,
        tests=ZOO,
        only="computes_what_its_paper_says and lem",
    ),
    Fault(
        "a gate that overwrites gets the forget bias of one that keeps",
        "expr/retention.py",
        "1 if weight[gate] > 0 else -1,",
        "1,",
        tests=INIT,
        only="decides_what_share and mgu",
    ),
    Fault(
        "the second bias of a gate keeps its random value",
        "nn/init.py",
        "        other.zero_()\n",
        "        pass\n",
        tests=INIT,
        only="decides_what_share and GRU",
    ),
    Fault(
        "a family with a range of its own starts as the others do",
        "nn/init.py",
        "nn.init.uniform_(member, low, high)",
        "nn.init.uniform_(member, -bound, bound)",
        tests=INIT,
        only="range_of_its_own",
    ),
    Fault(
        "a number that is added to a bias is forgotten",
        "nn/init.py",
        "first.copy_(value - gate.offset)",
        "first.copy_(value)",
        tests=INIT,
        only="a_number_that_the_equations_add",
    ),
    Fault(
        "the gates of a stacked matrix share one orthogonal matrix, cut into pieces",
        "nn/init.py",
        "            member.copy_(nn.init.orthogonal_(fresh, gain))\n",
        "            nn.init.orthogonal_(direction.tensors[name.split('.')[0]], gain)\n",
        tests=INIT,
        only="becomes_orthogonal and gru",
    ),
    Fault(
        "the mask of recurrent dropout is drawn anew at every step",
        "nn/masks.py",
        "(batch, sizes[state]), 0)\n",
        "(steps, batch, sizes[state]), 1)\n",
        REGULARISING,
        "held_over_time",
    ),
    Fault(
        "a masked state is masked in its elementwise uses too",
        "autodiff/noise.py",
        "if node.op in PRODUCTS:\n",
        'if node.op in PRODUCTS | {"mul"}:\n',
        REGULARISING,
        "equals_a_loop and gru",
    ),
    Fault(
        "zoneout keeps what it should replace",
        "autodiff/noise.py",
        "> 0.5, old, new[state])",
        "> 0.5, new[state], old)",
        REGULARISING,
        "keeps_exactly",
    ),
    Fault(
        "a stream runs the equations of training",
        "nn/recurrent.py",
        "def layers(self, noisy: bool = False)",
        "def layers(self, noisy: bool = True)",
        REGULARISING,
        "streams",
    ),
    Fault(
        "what stands in the padding of a side input is read",
        "backends/reference/__init__.py",
        "[*map(fill, inputs.sides[:own]), *inputs.sides[own:]]",
        "inputs.sides",
        SIDES,
        "nan_in_the_padding",
    ),
    Fault(
        "two side inputs are swapped",
        "nn/sequences.py",
        "for name in cell.sides:\n",
        "for name in reversed(cell.sides):\n",
        SIDES,
        "by_its_name",
    ),
    Fault(
        "a batch of padding alone is computed",
        "ops/execute.py",
        "return most > 0",
        "return True",
        SIDES,
        "padding_alone",
    ),
    Fault(
        "a hard gate is initialised like a smooth one",
        "nn/init.py",
        "return 3 * (fade - 1) / (fade + 1) if hard else fade.log()",
        "return fade.log()",
        INIT,
        "chrono_gives_hard_gates",
    ),
    Fault(
        "penalties are summed in half precision",
        "nn/penalties.py",
        "values.to(torch.promote_types(values.dtype, torch.float32))",
        "values",
        PENALTIES,
        "half_precision",
    ),
    Fault(
        "segments are recomputed from the first to the last",
        "ops/execute.py",
        "reversed(list(enumerate(_segments(inputs, every))))",
        "list(enumerate(_segments(inputs, every)))",
        RECOMPUTE,
        "changes_no_value",
    ),
    Fault(
        "every segment is recomputed from the initial state",
        "ops/execute.py",
        "[column[number] for column in before]",
        "[column[0] for column in before]",
        RECOMPUTE,
        "changes_no_value",
    ),
    Fault(
        "a segment's lengths are those of the whole",
        "ops/execute.py",
        "(inputs.lengths - part.start)",
        "inputs.lengths",
        RECOMPUTE,
        "changes_no_value",
    ),
    Fault(
        "the states of a reverse run are kept in the order of time",
        "ops/execute.py",
        "cuts[::-1] if inputs.reverse else cuts",
        "cuts",
        RECOMPUTE,
        "changes_no_value",
    ),
    Fault(
        "the gradient of a gradient takes what was saved for a constant",
        "ops/operators.py",
        "[output, *saved], own[how.width :]",
        "[output.detach(), *(v.detach() for v in saved)], own[how.width :]",
        MIRROR,
        "numerical_checks and lstm and None",
    ),
    Fault(
        "a result is the initial state itself",
        "backends/reference/__init__.py",
        "final = [state.clone() for state in carried]",
        "final = [*carried]",
        OPERATORS,
        "shares_memory",
    ),
    *COUNTING_FAULTS,
    *FILE_FAULTS,
    *DECODING_FAULTS,
    *EQUATION_FAULTS,
    *EXPORT_FAULTS,
    *FLOW_FAULTS,
    *HELD_OUT_FAULTS,
    *PRETRAINED_FAULTS,
    *KERNEL_FAULTS,
    *LANGUAGE_FAULTS,
    *MEMORY_FAULTS,
    *ORDER_FAULTS,
    *PAIR_FAULTS,
    *REPORT_FAULTS,
    *RESUMING_FAULTS,
    *SIDE_FAULTS,
    *TOGETHER_FAULTS,
    *SERIES_FAULTS,
    *MUSIC_FAULTS,
    *SPEECH_FAULTS,
    *HEARING_FAULTS,
    *SERVING_FAULTS,
    *TABLE_FAULTS,
    *TASK_FAULTS,
    *BAG_FAULTS,
    *CAPTION_FAULTS,
    *CLASSIFY_FAULTS,
    *FORECAST_FAULTS,
)
