"""Say what a cell is: its equations, traced once into a graph.

This is where a cell begins. A function writes one time step; :func:`elman.cell` runs it once, on symbols, and what the
operators and functions leave behind is a :class:`Graph` of :class:`Node` values (`graph`, `builder`). How each value is
shaped follows from how it is used (`shapes`). Every primitive is a row of one table (`primitives`). The rules that all
later layers rely on are checked after every pass (`verify`), derived primitives are rewritten in base ones (`lower`),
and the equations print back as text (`printing`) and as LaTeX (`latex`). What part a parameter plays in the recurrence
is read off them (`roles`, `retention`). How large equations may be stands in `limits`; a graph that comes from a file
is read field by field (`reading`). Nothing here knows torch.

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

from elman.expr.cell import Cell, Parameter
from elman.expr.functions import (
    exp,
    hard_sigmoid,
    layer_norm,
    leaky_relu,
    log,
    maximum,
    minimum,
    relu,
    sigmoid,
    softplus,
    sqrt,
    tanh,
    where,
)
from elman.expr.graph import Graph, Node
from elman.expr.trace import cell, trace
from elman.expr.verify import verify

__all__ = [
    "Cell",
    "Graph",
    "Node",
    "Parameter",
    "cell",
    "exp",
    "hard_sigmoid",
    "layer_norm",
    "leaky_relu",
    "log",
    "maximum",
    "minimum",
    "relu",
    "sigmoid",
    "softplus",
    "sqrt",
    "tanh",
    "trace",
    "verify",
    "where",
]
