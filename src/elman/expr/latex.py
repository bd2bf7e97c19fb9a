r"""Print a graph as LaTeX, in the notation of papers.

A value of this time step has the subscript t, a state before it t−1; ⊙ is the elementwise product of two vectors, and a
matrix comes before its vector. The block needs the package amsmath.

>>> from elman.expr import cell, sigmoid, tanh
>>> @cell
... def mgu(x, h, *, W, U, b):
...     f = sigmoid(W.f @ x + U.f @ h + b.f)
...     return (1 - f) * h + f * tanh(W.n @ x + U.n @ (f * h))
>>> print(mgu.latex())
\begin{align*}
f_t &= \sigma(W_f x_t + U_f h_{t-1} + b_f) \\
h_t &= (1 - f_t) \odot h_{t-1} + f_t \odot \tanh(W_n x_t + U_n (f_t \odot h_{t-1}))
\end{align*}
"""

import math
from collections.abc import Sequence

from elman.expr.graph import ROW, Graph, Node
from elman.expr.printing import Form, write_equations

LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
GREEK = {letter: f"\\{letter}" for letter in LETTERS.split()} | {"lambda_": r"\lambda"}  # a keyword of Python's

# How tightly they bind; a comparison has no brackets only after "if".
COMPARISON, CASES, SUM, PRODUCT, JUXTAPOSED, POWER, CALL, ATOM = -1, 0, 2, 3, 4, 5, 9, 10
FORMS = {
    "add": Form("{} + {}".format, SUM, (SUM, SUM + 1)),
    "sub": Form("{} - {}".format, SUM, (SUM, SUM + 1)),
    "neg": Form("-{}".format, SUM, (SUM + 1,)),
    "div": Form(r"\frac{{{}}}{{{}}}".format, CALL, (0, 0)),
    "product": Form("{} {}".format, JUXTAPOSED, (ATOM, JUXTAPOSED + 1)),
    "product_t": Form(r"{}^\top {}".format, JUXTAPOSED, (ATOM, JUXTAPOSED + 1)),
    "power": Form("{}^{{{}}}".format, POWER, (ATOM, 0)),
    "less": Form("{} < {}".format, COMPARISON, (SUM, SUM)),
    "less_equal": Form(r"{} \le {}".format, COMPARISON, (SUM, SUM)),
    "equal": Form("{} = {}".format, COMPARISON, (SUM, SUM)),
    "and": Form(r"{} \land {}".format, COMPARISON, (SUM, SUM)),
    "or": Form(r"{} \lor {}".format, COMPARISON, (SUM, SUM)),
    "not": Form(r"\lnot {}".format, POWER, (SUM,)),
    "select": Form(
        r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}".format,
        CASES,
        (COMPARISON, 0, 0),
    ),
    "sqrt": Form(r"\sqrt{{{}}}".format, CALL, (0,)),
    "norm": Form(r"\left\lVert {} \right\rVert".format, ATOM, (0,)),
    "abs": Form(r"\left|{}\right|".format, ATOM, (0,)),
}
FUNCTIONS = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "exp": r"\exp",
    "log": r"\log",
    "sin": r"\sin",
    "cos": r"\cos",
    "maximum": r"\max",
    "minimum": r"\min",
    "max": r"\max",
    "layer_norm": r"\operatorname{LN}",
}


def print_latex(graph: Graph, labels: Sequence[tuple[str, int]]) -> str:
    """Write an ``align*`` block with one line for each named value and each new state.

    Args:
        graph: the equations of one time step.
        labels: names of values, with their nodes.
    """
    return _write(graph, labels, "align*")


def print_display(graph: Graph, labels: Sequence[tuple[str, int]]) -> str:
    """Write the same lines between dollars, as notebooks need them; LaTeX refuses ``align*`` there."""
    return f"$${_write(graph, labels, 'aligned')}$$"


def _write(graph: Graph, labels: Sequence[tuple[str, int]], environment: str) -> str:
    lines = [f"{left} &= {right}" for left, right in write_equations(graph, labels, Latex())]
    return "\n".join([rf"\begin{{{environment}}}", " \\\\\n".join(lines), rf"\end{{{environment}}}"])


class Latex:
    """Notation of papers, as LaTeX."""

    def name(self, name: str) -> str:
        """Write a value of this time step."""
        return symbol(name.removesuffix("'"), "t")

    def leaf(self, node: Node) -> str:
        """Write the input of this time step, a state before it, a parameter or a number."""
        if node.op == "constant":
            return _number(node.value)
        if node.op == "parameter":
            family, _, member = node.name.partition(".")
            below = r"\mathrm{t}" if member == "t" else symbol(member)
            return symbol(family, below) if member else symbol(family)
        return symbol(node.name, "t-1" if node.op == "state" else "t")

    def form(self, graph: Graph, node: Node) -> Form:
        """Return the form of an operation."""
        if node.op == "mul":
            return _form_of_mul(*(graph.nodes[a] for a in node.args))
        if node.op in FORMS:
            return FORMS[node.op]
        function = FUNCTIONS.get(node.op) or rf"\operatorname{{{node.op.replace('_', '')}}}"
        return Form(lambda *args: function + self.bracket(", ".join(args)), CALL, (0,) * len(node.args))

    def bracket(self, text: str) -> str:
        """Put round brackets around a text, as tall as it is."""
        tall = r"\frac" in text or r"\begin" in text
        return rf"\left({text}\right)" if tall else f"({text})"


def _form_of_mul(left: Node, right: Node) -> Form:
    """Write a number, also one for each example, before its vector, and ⊙ between two vectors."""
    if _is_vector(left) and _is_vector(right):
        return Form(r"{} \odot {}".format, PRODUCT, (PRODUCT, PRODUCT + 1))
    if _is_vector(right):
        return Form(r"{}\,{}".format, PRODUCT, (PRODUCT, PRODUCT + 1))
    return Form(r"{1}\,{0}".format, PRODUCT, (PRODUCT + 1, PRODUCT))


def _is_vector(node: Node) -> bool:
    return node.shape not in {(), (ROW,)}


def symbol(name: str, *subscripts: str) -> str:
    r"""Write a Python name: Greek letters as such, the part after an underscore as a subscript, words upright.

    Args:
        name: of a value or a family.
        subscripts: LaTeX of further subscripts, after its own.

    >>> symbol("h", "t-1"), symbol("delta_z", "t"), symbol("candidate", "t"), symbol("W", "i")
    ('h_{t-1}', '\\delta_{z,t}', '\\mathrm{candidate}_t', 'W_i')
    """
    words = name.split("_")
    base, *own = words if all(words) and name not in GREEK else [name]
    # A subscript t that is a name must not read like the time step.
    below = ",".join([*(r"\mathrm{t}" if word == "t" else _word(word) for word in own), *subscripts])
    if not below:
        return _word(base)
    return f"{_word(base)}_{below}" if len(below) == 1 else f"{_word(base)}_{{{below}}}"


def _word(word: str) -> str:
    if len(word) == 1:
        return word
    upright = word.replace("_", r"\_")
    return GREEK.get(word, rf"\mathrm{{{upright}}}")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return r"\mathrm{nan}" if math.isnan(value) else r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = repr(value).partition("e")
    if exponent:
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return mantissa.removesuffix(".0")
