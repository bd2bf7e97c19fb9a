"""Insert regularising noise into the equations of a step: masks, as side inputs that are drawn before the time loop.

The rewritten step is then differentiated, simplified and planned, so backpropagation is exact for it.

*Recurrent dropout* (Gal & Ghahramani 2016, section 4): a state is multiplied by its mask wherever it enters a
hidden-to-hidden product, and nowhere else. One mask serves all time steps.

*Zoneout* (Krueger et al. 2017, section 3): a unit keeps its old value with probability p at every time step. In
training a mask chooses; in evaluation the step computes the expectation, p s_old + (1 − p) s_new. Values that a step
computes from a new state read it before the choice, as in the paper's LSTM.

>>> import elman
>>> from elman.expr.printing import print_equations
>>> print(print_equations(add_noise(elman.cells.elman.graph, Noise(recurrent_dropout=(("h", 0.3),))), ()))
h' = tanh(W @ x + U @ (h * dropout.h) + b)
>>> print(print_equations(add_noise(elman.cells.elman.graph, Noise(zoneout=(("h", 0.1),)).expected()), ()))
h' = 0.1 * h + 0.9 * tanh(W @ x + U @ h + b)
"""

from dataclasses import dataclass

from elman.autodiff.simplify import Simplifier
from elman.errors import ConfigError
from elman.expr.builder import Expr
from elman.expr.graph import PRODUCTS, Graph
from elman.expr.roles import carried_factors, multiplied_states
from elman.expr.verify import verify

Rates = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Noise:
    """The states with recurrent dropout or zoneout, and the rates.

    Attributes:
        recurrent_dropout: pairs of a state and the probability that one of its elements is 0 in the products.
        zoneout: pairs of a state and the probability that one of its elements keeps its old value.
        drawn: whether the choices of zoneout are drawn; otherwise the step computes their expectation.
    """

    recurrent_dropout: Rates = ()
    zoneout: Rates = ()
    drawn: bool = True

    def expected(self) -> "Noise":
        """Return the noise of evaluation: no mask, and the expectation of zoneout.

        >>> Noise(recurrent_dropout=(("h", 0.3),)).expected() == NONE
        True
        """
        return Noise(zoneout=self.zoneout, drawn=False) if self.zoneout else NONE


NONE = Noise()


def dropout_mask(state: str) -> str:
    """Name the side input of a state's mask of recurrent dropout: 0, or 1 / (1 − p)."""
    return f"dropout.{state}"


def zoneout_mask(state: str) -> str:
    """Name the side input of a state's mask of zoneout: 1 for elements that keep their old value, otherwise 0."""
    return f"zoneout.{state}"


def add_noise(step: Graph, noise: Noise) -> Graph:
    """Insert masks into the equations of a step.

    A mask multiplies a product's vector once, even if its state is a factor there several times, so that the vector's
    expectation does not change.

    Args:
        step: the verified graph of a cell.
        noise: the noise to add.

    Returns:
        The graph, with one side input as long as its state for each mask.

    Raises:
        ConfigError: the cell has no such state, or recurrent dropout is given for a state that no matrix multiplies.
    """
    _check(step, noise)
    builder = Simplifier()

    def mask(name: str, state: str) -> Expr:
        shape = step.nodes[step.leaves["state", state]].shape
        return builder.expr(builder.add("side", name=name, shape=shape))

    hidden, carried = {state for state, _ in noise.recurrent_dropout}, carried_factors(step)
    place: list[Expr] = []
    for node in step.nodes:
        builder.line = node.line
        args = [place[a] for a in node.args]
        if node.op in PRODUCTS:
            for state in step.states:
                if state in hidden & carried[node.args[1]]:
                    args[1] = args[1] * mask(dropout_mask(state), state)
        indices = (builder.index(a, node.op) for a in args)
        place.append(builder.expr(builder.add(node.op, *indices, name=node.name, value=node.value, shape=node.shape)))
    new = {state: place[index] for state, index in step.outputs}
    for state, rate in noise.zoneout:
        old = place[step.leaves["state", state]]
        if noise.drawn:
            new[state] = builder.apply("select", mask(zoneout_mask(state), state) > 0.5, old, new[state])
        else:
            new[state] = rate * old + (1 - rate) * new[state]
    return verify(builder.graph({state: builder.index(value, "zoneout") for state, value in new.items()}))


def _check(step: Graph, noise: Noise) -> None:
    for kind, rates in (("recurrent_dropout", noise.recurrent_dropout), ("zoneout", noise.zoneout)):
        for state, rate in rates:
            if state not in step.states:
                raise ConfigError(
                    f"{kind}: there is no state {state}.\n  The states are {', '.join(step.states)}.\n"
                    "  Name one of them."
                )
            if not 0 <= rate <= 1:
                raise ConfigError(
                    f"{kind}: the rate of {state} is {rate!r}.\n  It is a probability.\n  Give a number from 0 to 1."
                )
    multiplied = multiplied_states(step)
    for state, _ in noise.recurrent_dropout:
        if state not in multiplied:
            raise ConfigError(
                f"recurrent_dropout: no matrix multiplies state {state}.\n  The mask acts on a state in "
                "hidden-to-hidden products.\n  Use zoneout, which acts on the state itself."
            )
