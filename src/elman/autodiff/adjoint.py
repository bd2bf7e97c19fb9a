"""Differentiate one time step: from the adjoints of the new states, the adjoints of everything that the step reads.

This is reverse mode over the graph of a step, written as more nodes of the same graph. The rules for primitives are in
their table; the rules for products are

    y = M v      ⇒   d_v += Mᵀ d_y,   d_M += Σ_t Σ_batch d_y vᵀ        (`product_t`, `outer`)
    y = Mᵀ v     ⇒   d_v += M d_y,    d_M += Σ_t Σ_batch v d_yᵀ
    s = Σᵢ vᵢ    ⇒   d_v += (d_s, …, d_s)                              (`spread`)
    m = maxᵢ vᵢ  ⇒   d_v += d_m / k where vᵢ = m, of which there are k  (`spread`)

and the adjoint of a value that is the same at all time steps and for all examples is summed over both (`total`). Side
inputs, and values that depend on them alone, have no adjoint.
"""

from elman.autodiff.simplify import STATIC, Simplifier, expand, ranks
from elman.expr.builder import Expr
from elman.expr.graph import ROW, Graph
from elman.expr.primitives import PRIMITIVES
from elman.expr.verify import verify


def adjoint(step: Graph) -> Graph:
    """Add the adjoint of a step to its graph.

    Args:
        step: the verified graph of a cell.

    Returns:
        The joint graph. In addition to the step it has one leaf ``d_h`` for the adjoint of each new state h, and as
        outputs ``d_h`` for the adjoint of each state before the step, ``d_x`` for the input and ``d_W.i`` for each
        parameter.
    """
    return _Adjoint(expand(step), step.parameters).run()


class _Adjoint:
    """The adjoints of a step, collected from its last node to its first."""

    def __init__(self, step: Graph, parameters: tuple[str, ...]) -> None:
        self.step = step
        self.parameters = parameters
        self.builder = Simplifier()
        self.rank = ranks(step)
        self.followed = _followed(step)
        self.place: list[int] = []
        self.varying: list[bool] = []
        self.terms: dict[int, list[Expr]] = {}
        self.order = {name: i for i, name in enumerate(step.parameters)}

    def run(self) -> Graph:
        step, builder = self.step, self.builder
        for node in step.nodes:
            builder.line = node.line
            args = (self.place[a] for a in node.args)
            self.place.append(builder.add(node.op, *args, name=node.name, value=node.value, shape=node.shape))
        outputs = {state: self.place[index] for state, index in step.outputs}
        for state, index in step.outputs:
            shape = step.nodes[step.leaves["state", state]].shape
            self.deposit(index, builder.expr(builder.add("adjoint", name=f"d_{state}", shape=shape)))
        for index in range(len(step.nodes) - 1, -1, -1):
            node = step.nodes[index]
            builder.line = node.line
            if node.op in {"input", "state", "parameter"}:
                d = self.collect(index)
                outputs[f"d_{node.name}"] = builder.index(0.0 if d is None else d, "adjoint")
            else:
                d = self.collect(index)
                if d is not None:
                    self.pass_on(index, d)
        for name in self.parameters:  # nothing depends on one that simplification has removed
            outputs.setdefault(f"d_{name}", builder.index(0.0, "adjoint"))
        return verify(builder.graph(outputs))

    def collect(self, index: int) -> Expr | None:
        """Sum the terms of a node's adjoint; transposed products of one family become a single one."""
        families: dict[str, list[tuple[int, int]]] = {}
        total: Expr | None = None
        for term in self.terms.get(index, ()):
            node = self.builder.nodes[self.builder.index(term, "adjoint")]
            if node.op == "product_t":
                family = self.builder.nodes[node.args[0]].name.split(".")[0]
                families.setdefault(family, []).append((node.args[0], node.args[1]))
            else:
                total = term if total is None else total + term
        for pairs in families.values():
            pairs.sort(key=lambda pair: self.order[self.builder.nodes[pair[0]].name])
            term = self.builder.expr(self.builder.add("product_t", *(a for pair in pairs for a in pair)))
            total = term if total is None else total + term
        return total

    def pass_on(self, index: int, d: Expr) -> None:
        """Add a node's adjoint, by its rule, to the adjoint of each of its arguments."""
        node, builder = self.step.nodes[index], self.builder
        args = [builder.expr(self.place[a]) for a in node.args]
        if node.op == "product":
            self.deposit(node.args[0], builder.apply("outer", d, args[1]))
            self.deposit(node.args[1], builder.apply("product_t", args[0], d))
        elif node.op == "product_t":
            self.deposit(node.args[0], builder.apply("outer", args[1], d))
            self.deposit(node.args[1], builder.apply("product", args[0], d))
        elif node.op == "sum":
            self.deposit(node.args[0], builder.apply("spread", d, args[0]))
        elif node.op == "max":
            is_largest = builder.apply("equal", args[0], builder.expr(self.place[index]))
            count = builder.apply("sum", builder.apply("select", is_largest, 1.0, 0.0))
            part = builder.apply("spread", d / count, args[0])
            self.deposit(node.args[0], builder.apply("select", is_largest, part, 0.0))
        elif node.op in PRIMITIVES:
            derivative = PRIMITIVES[node.op].derivative
            if derivative is not None:
                y = builder.expr(self.place[index])
                for arg, share in zip(node.args, derivative(d, y, *args), strict=True):
                    if share is not None:
                        self.deposit(arg, share)

    def deposit(self, index: int, d: Expr) -> None:
        """Add a term to a node's adjoint, in the node's shape; numbers and side inputs have no adjoint."""
        node, builder = self.step.nodes[index], self.builder
        if index not in self.followed:
            return
        shape = builder.nodes[builder.index(d, "adjoint")].shape
        if node.shape == (ROW,) != shape:
            d = builder.apply("sum", d)
        elif len(node.shape) == 1 and shape != node.shape:
            d = builder.apply("spread", d, builder.expr(self.place[index]))
        if self.rank[index] == STATIC and len(node.shape) == 1 and self._varies(d):
            d = builder.apply("total", d)
        self.terms.setdefault(index, []).append(d)

    def _varies(self, d: Expr) -> bool:
        """Test whether an adjoint differs between time steps: it does not after a sum over them."""
        for node in self.builder.nodes[len(self.varying) :]:
            summed = node.op in {"total", "outer"}
            leaf = node.op in {"input", "side", "state", "adjoint"}
            self.varying.append(leaf or (not summed and any(self.varying[a] for a in node.args)))
        return self.varying[self.builder.index(d, "adjoint")]


def _followed(step: Graph) -> set[int]:
    """Find the values that need an adjoint: those that depend on the input, a state or a parameter."""
    followed: set[int] = set()
    for index, node in enumerate(step.nodes):
        if node.op in {"input", "state", "parameter"} or any(a in followed for a in node.args):
            followed.add(index)
    return followed
