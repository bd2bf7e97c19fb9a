"""The language of cells: the equations of one time step, traced once into a graph.

A function writes one time step; :func:`elman.cell` runs it once, on symbols, and its operators and functions build a
:class:`Graph` of :class:`Node` values (`graph`, `builder`). The shape of a value follows from its use (`shapes`). Every
primitive is a row of one table (`primitives`). The rules that all later layers rely on are checked after every pass
(`verify`), derived primitives are rewritten in base ones (`lower`), and the equations are printed as text (`printing`),
LaTeX (`latex`) and HTML (`html`). The role of a parameter in the recurrence follows from the equations (`roles`,
`retention`). `limits` says how large equations may be; a graph from a file is read field by field (`reading`). Nothing
here imports torch.

>>> from elman import cell, sigmoid, tanh
>>> @cell
... def gru_without_reset(x, h, *, W, U, b):
...     z = sigmoid(W.z @ x + U.z @ h + b.z)
...     n = tanh(W.n @ x + U.n @ h + b.n)
...     return (1 - z) * n + z * h
>>> print(gru_without_reset.equations())
z  = sigmoid(W.z @ x + U.z @ h + b.z)
n  = tanh(W.n @ x + U.n @ h + b.n)
h' = (1 - z) * n + z * h
>>> gru_without_reset.count(input_size=3, hidden_size=5)
90
"""

from elman.expr.builder import Expr
from elman.expr.cell import Cell, Parameter
from elman.expr.functions import (
    clamp,
    cos,
    exp,
    hard_sigmoid,
    layer_norm,
    leaky_relu,
    log,
    max,
    maximum,
    mean,
    minimum,
    norm,
    relu,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    sum,
    tanh,
    where,
)
from elman.expr.graph import Graph, Node
from elman.expr.trace import Family, cell, trace
from elman.expr.verify import verify

__all__ = [
    "Cell",
    "Expr",
    "Family",
    "Graph",
    "Node",
    "Parameter",
    "cell",
    "clamp",
    "cos",
    "exp",
    "hard_sigmoid",
    "layer_norm",
    "leaky_relu",
    "log",
    "max",
    "maximum",
    "mean",
    "minimum",
    "norm",
    "relu",
    "sigmoid",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "sum",
    "tanh",
    "trace",
    "verify",
    "where",
]
