"""Write a network as one file of C99, and run it once where there is a compiler.

The file needs no library but math.h. It allocates nothing and has no variables but constant weights; states, and what a
step keeps while it runs, lie in the caller's memory, whose size is fixed.

>>> import elman
>>> text = write_c(take(elman.nn.GRU(3, 5)), "gru", "Agreement with the layer was not verified.")
>>> [line for line in text.splitlines() if line.startswith("void")]  # doctest: +NORMALIZE_WHITESPACE
['void gru_reset(gru_state *state);',
 'void gru_step(const gru_weights *weights, gru_state *state, const float *x, float *y);',
 'void gru_run(const gru_weights *weights, gru_state *state, int steps, const float *x, float *y);',
 'void gru_reset(gru_state *state)',
 'void gru_step(const gru_weights *weights, gru_state *state, const float *x, float *y)',
 'void gru_run(const gru_weights *weights, gru_state *state, int steps, const float *x, float *y)']
"""

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import ElmanError
from elman.export.c_declarations import arguments_of, declare, describe, describe_agreement, name_of, refuse_unfit
from elman.export.c_functions import MULTIPLY_ADD, functions, number
from elman.export.c_step import Step
from elman.export.checking import Agreement, TwoSequences, compare
from elman.export.network import NetworkData, take
from elman.export.target import TargetFile, choose

BOUND = 2e-6
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
_COMPILERS = ("gcc", "clang", "cc")
_UNVERIFIED = "Agreement with the layer was not verified: no C compiler was found."
_PER_LINE = 8

_BEGIN = """\
#ifndef {name}_DECLARATIONS

#include <math.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: the functions below depend on how numbers are rounded"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16 /* 16 is about halves */
#error "floats must be computed as floats: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

"""

_ADD_TRANSPOSED = """\
/* sum += the transpose of M times v, one product after the other; the columns of M follow each other. */
static void {name}_add_transposed(int rows, int columns, const float *m, const float *v, float *sum)
{{
    int k, j;
    for (j = 0; j < rows; j++, m += columns)
        for (k = 0; k < columns; k++)
            sum[j] = {name}_MA(m[k], v[k], sum[j]);
}}
"""
_ADD = """\
/* sum += M v, one product after the other; the columns of M follow each other. */
static void {name}_add(int rows, int columns, const float *m, const float *v, float *sum)
{{
    int k = 0, j;
    for (; k + 4 <= columns; k += 4, m += 4 * rows)
        for (j = 0; j < rows; j++) {{
            float t = {name}_MA(m[j], v[k], sum[j]);
            t = {name}_MA(m[j + rows], v[k + 1], t);
            t = {name}_MA(m[j + 2 * rows], v[k + 2], t);
            sum[j] = {name}_MA(m[j + 3 * rows], v[k + 3], t);
        }}
    for (; k < columns; k++, m += rows)
        for (j = 0; j < rows; j++)
            sum[j] = {name}_MA(m[j], v[k], sum[j]);
}}

"""
_PRODUCTS = {"product": _ADD, "product_t": _ADD_TRANSPOSED}


def write(layer: Any, path: str | os.PathLike[str], name: str | None, force: bool) -> Agreement | None:
    """Write a layer, see :func:`elman.export.to_c`."""
    target = choose(path, {"c": ".c"}, "c", force)
    return put(take(layer), target, name or name_of(target.path))


def put(network: NetworkData, target: TargetFile, name: str) -> Agreement | None:
    """Write a network, verified where there is a compiler.

    Raises:
        ConfigError: the network has two directions, or the name is none of C.
        ElmanError: the compiler refuses the file, or it computes something else.
    """
    refuse_unfit(network, name)
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        target.put(write_c(network, name, _UNVERIFIED).encode())
        return None
    with tempfile.TemporaryDirectory() as folder:
        agreement = _verify(network, name, compiler, Path(folder))
    target.put(write_c(network, name, describe_agreement(agreement)).encode())
    return agreement


def write_c(network: NetworkData, name: str, verdict: str) -> str:
    """Return the text of the file."""
    steps = [Step(part, name, f"l{k}") for k, (part,) in enumerate(network.layers)]
    arrays = [(array, step.part.static[index]) for step in steps for array, index in step.weights.items()]
    used = {function for step in steps for function in step.functions}
    weights = "\n".join(f"    float {array}[{value.numel()}];" for array, value in arrays)
    memory = "\n".join(f"    float {a}[{size}];" for step in steps for a, size in step.memory.items())
    text = [
        describe(network, name, verdict, f"Elsewhere, define {name}_DECLARATIONS before including this file."),
        declare(network, name, weights, memory),
        _BEGIN.format(name=name),
        MULTIPLY_ADD.format(name=name, NAME=f"{name}_MA"),
        "\n",
        functions(name, used),
        "\n",
    ]
    products = {step.part.program.graph.nodes[i].op for step in steps for i in step.computed}
    text += [form.format(name=name) for op, form in _PRODUCTS.items() if op in products]
    text += [f"const {name}_weights {name}_trained = {{\n"]
    text += [_write_array(array, value) for array, value in arrays]
    text += ["};\n\n", *_reset(name, steps), *_step(network, name, steps), *_run(network, name), "#endif\n"]
    return "".join(text)


def _write_array(array: str, value: Tensor) -> str:
    """Write the numbers of an array; those of a matrix column by column."""
    flat = (value.T if value.dim() == 2 else value).float().flatten().tolist()
    rows = [", ".join(map(number, flat[i : i + _PER_LINE])) for i in range(0, len(flat), _PER_LINE)]
    return f"    {{ /* {array} */\n" + "".join(f"        {row},\n" for row in rows) + "    },\n"


def _reset(name: str, steps: list[Step]) -> list[str]:
    lines = [
        f"    for (j = 0; j < {step.memory[array]}; j++) state->{array}[j] = 0.0f;\n"
        for step in steps
        for array in step.state_names
    ]
    return [f"void {name}_reset({name}_state *state)\n{{\n    int j;\n", *lines, "}\n\n"]


def _step(network: NetworkData, name: str, steps: list[Step]) -> list[str]:
    head, x = f"void {name}_step({arguments_of(network, name)['arguments']})\n{{\n    int j;\n", "x"
    text: list[str] = []
    for step in steps:
        text += [f"    {line}\n" for statement in step.statements(x) for line in statement.splitlines()]
        x = f"state->{step.state_names[0]}"
    given = ["x", *(["sides"] if network.sides else [])]
    # A compiler warns of an argument that a cell does not read.
    unread = [f"    (void) {one};\n" for one in given if not any(re.search(rf"\b{one}\b", line) for line in text)]
    return [head, *unread, *text, f"    for (j = 0; j < {network.output_size}; j++) y[j] = {x}[j];\n}}\n\n"]


def _run(network: NetworkData, name: str) -> list[str]:
    given = f"sides + t * {len(network.sides)}, " if network.sides else ""
    arguments = arguments_of(network, name)["run_arguments"]
    head = f"void {name}_run({arguments})\n{{\n    int t;\n    for (t = 0; t < steps; t++)\n"
    call = f"{name}_step(weights, state, x + t * {name}_INPUTS, {given}y + t * {name}_OUTPUTS);"
    return [head, f"        {call}\n}}\n\n"]


def _verify(network: NetworkData, name: str, compiler: str, folder: Path) -> Agreement:
    source, library = folder / "network.c", folder / "network.so"
    source.write_text(write_c(network, name, "") + _access(network, name))
    options = [*WARNINGS, "-O2", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    done = subprocess.run(  # noqa: S603 - a compiler of the path, and files of this program
        [compiler, *options, str(source), "-o", str(library), "-lm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:200])
        raise ElmanError(f"export: {compiler} refuses the file of C ({first.strip()}). Nothing was written. Report it.")
    loaded = ctypes.CDLL(str(library))
    loaded.elman_state_bytes.restype = ctypes.c_long

    def run(example: TwoSequences) -> list[Tensor]:
        results = [_run_example(loaded, network, example, b) for b in range(2)]
        return [torch.stack(column, 1) for column in zip(*results, strict=True)]

    return compare(network, run, BOUND, unequal=False)


def _access(network: NetworkData, name: str) -> str:
    """Write what the check reads behind the file: states by number, and a run from them."""
    sides = "const float *sides, " if network.sides else ""
    text = f"""
long elman_state_bytes(void);
float *elman_state(void *state, int layer, int number);
void elman_run(void *state, int steps, const float *x, {sides}float *y);
long elman_state_bytes(void) {{ return (long) sizeof({name}_state); }}
void elman_run(void *state, int steps, const float *x, {sides}float *y)
{{ {name}_run(&{name}_trained, state, steps, x, {"sides, " if sides else ""}y); }}
float *elman_state(void *state, int layer, int number)
{{
    {name}_state *s = state;
"""
    for k, (part,) in enumerate(network.layers):
        for i, array in enumerate(Step(part, name, f"l{k}").state_names):
            text += f"    if (layer == {k} && number == {i}) return s->{array};\n"
    return text + "    return 0;\n}\n"


def _run_example(loaded: ctypes.CDLL, network: NetworkData, example: TwoSequences, row: int) -> list[Tensor]:
    """Run one of two sequences: its output (T, H), and its final states (L, size)."""
    state = ctypes.create_string_buffer(loaded.elman_state_bytes())
    loaded.elman_state.restype = ctypes.POINTER(ctypes.c_float)
    views = [
        [np.ctypeslib.as_array(loaded.elman_state(state, k, i), (size,)) for k in range(len(network.layers))]
        for i, size in enumerate(network.state_sizes)
    ]
    for number_, tensor in enumerate(example.given(network)):
        for k, view in enumerate(views[number_]):
            view[:] = tensor[k, row].numpy()
    x = example.x[:, row].contiguous().numpy()
    y = np.empty((len(x), network.output_size), np.float32)
    sides = np.ascontiguousarray(np.stack([s[:, row].numpy() for s in example.sides], 1)) if example.sides else None
    arrays = [x, *([sides] if sides is not None else []), y]
    loaded.elman_run(state, len(x), *(ctypes.c_void_p(a.ctypes.data) for a in arrays))
    return [torch.from_numpy(y), *(torch.from_numpy(np.stack(column)) for column in views)]
