"""Write what a program of C must know of an exported layer: its structures and functions.

>>> import elman
>>> from elman.export.network import take
>>> text = declare(take(elman.nn.GRU(3, 5)), "gru", "    float all[9];", "    float h[5];")
>>> [line for line in text.splitlines() if line.startswith("void")]  # doctest: +NORMALIZE_WHITESPACE
['void gru_reset(gru_state *state);',
 'void gru_step(const gru_weights *weights, gru_state *state, const float *x, float *y);',
 'void gru_run(const gru_weights *weights, gru_state *state, int steps, const float *x, float *y);']
"""

import re
from pathlib import Path

from elman.errors import ConfigError
from elman.export.checking import LENGTHS, Agreement
from elman.export.network import NetworkData
from elman.version import __version__

_ABOUT = """\
/* {name}: {what}, written by elman {version}.
{equations}

   {verdict}

   {name}_state state;
   {name}_reset(&state);
   {name}_step(&{name}_trained, &state, x, y);

   reads {inputs} numbers of one time step and writes {outputs}; {name}_run does so for several steps, one after the
   other in memory. The arrays must not overlap. {elsewhere} */
"""
_DECLARATIONS = """\
#ifndef {name}_DECLARED
#define {name}_DECLARED

#ifdef __cplusplus
extern "C" {{
#endif

enum {{ {name}_INPUTS = {inputs}, {name}_OUTPUTS = {outputs} }};

typedef struct {{
{weights}
}} {name}_weights;

typedef struct {{
{memory}
}} {name}_state;

extern const {name}_weights {name}_trained;

void {name}_reset({name}_state *state);
void {name}_step({arguments});
void {name}_run({run_arguments});

#ifdef __cplusplus
}}
#endif

#endif
"""


def refuse_unfit(network: NetworkData, name: str) -> None:
    """Refuse what functions of C cannot be.

    Raises:
        ConfigError: the network has two directions, or the name is none of C.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ConfigError(f"export: {name!r} is no name in C. Choose one of letters, digits and _ with name=….")
    if network.directions == 2:
        raise ConfigError(
            "export: the layer is bidirectional, and a step of C cannot know what comes later. Export it to ONNX."
        )


def name_of(path: Path) -> str:
    """Return the prefix of the names in a file: its own name, as far as C has its letters."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", path.stem)
    return name if name[:1].isalpha() else f"net_{name}"


def arguments_of(network: NetworkData, name: str) -> dict[str, str]:
    """Return the arguments of `NAME_step` and of `NAME_run` as C writes them."""
    sides, first = (
        "const float *sides, " if network.sides else "",
        f"const {name}_weights *weights, {name}_state *state",
    )
    return {
        "arguments": f"{first}, const float *x, {sides}float *y",
        "run_arguments": f"{first}, int steps, const float *x, {sides}float *y",
    }


def describe(network: NetworkData, name: str, verdict: str, elsewhere: str) -> str:
    """Write the comment at the head of a file.

    Args:
        network: the layer.
        name: the prefix of everything.
        verdict: what was verified.
        elsewhere: how other files get at the functions.
    """
    count, cell = len(network.layers), network.cell
    equations = "\n".join(f"   {line}" for line in cell.equations().replace("*/", "* /").splitlines())
    sides = f"\n   The side inputs of a step: {', '.join(network.sides)}." if network.sides else ""
    return _ABOUT.format(
        name=name,
        what=f"{f'{count} layers' if count > 1 else 'one layer'} of the cell {cell.name}",
        version=__version__,
        equations=equations + sides,
        verdict=verdict,
        inputs=network.input_size,
        outputs=network.output_size,
        elsewhere=elsewhere,
    )


def describe_agreement(agreement: Agreement, of: str = "Its outputs") -> str:
    """Say how far outputs are from those of the layer."""
    *first, last = LENGTHS
    steps = f"{', '.join(map(str, first))} and {last}"
    return (
        f"{of} differ from those of the layer by at most {agreement.difference:.1e}, relative to the largest\n"
        f"   (sequences of {steps} steps)."
    )


def declare(network: NetworkData, name: str, weights: str, memory: str) -> str:
    """Write the declarations.

    Args:
        network: the layer.
        name: the prefix of everything.
        weights: the lines of the structure of weights.
        memory: the lines of the structure of the state.
    """
    sizes = {"inputs": network.input_size, "outputs": network.output_size}
    return _DECLARATIONS.format(name=name, weights=weights, memory=memory, **sizes, **arguments_of(network, name))
