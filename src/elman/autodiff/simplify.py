"""Simplify a graph while building it: fold constants, and add no operation that changes nothing.

All rewrites keep every value, infinities and NaN included (0 · x is not simplified), except one: long sums and products
are reordered, see :func:`reorder`.
"""

from elman.expr.builder import Builder
from elman.expr.graph import MASKS, Graph
from elman.expr.lower import expand_into
from elman.expr.primitives import PRIMITIVES
from elman.expr.verify import verify

STATIC, TIMED, RECURRENT, ADJOINT = range(4)


class Simplifier(Builder):
    """A builder of graphs that adds no operation which changes nothing.

    >>> from elman.expr.graph import Graph
    >>> s = Simplifier()
    >>> x = s.expr(s.add("input", name="x", shape=("input",)))
    >>> s.index(-(-x), "doctest") == s.index((x + 0) * 1, "doctest") == s.index(x, "doctest")
    True
    """

    def add(self, op: str, *args: int, name: str = "", value: float = 0.0, shape: tuple[str, ...] | None = None) -> int:
        """Add a node, or find a simpler one with the same value."""
        same = self._same(op, args)
        if same is not None:
            return same
        rewritten = self._rewrite(op, args)
        if rewritten is not None:
            return self.add(rewritten[0], *rewritten[1])
        return super().add(op, *args, name=name, value=value, shape=shape)

    def _constant(self, index: int) -> float | None:
        node = self.nodes[index]
        return node.value if node.op == "constant" else None

    def _same(self, op: str, args: tuple[int, ...]) -> int | None:
        """Find an existing node, or a constant, with the value of the operation."""
        if op == "spread":
            return args[0] if self.nodes[args[0]].shape == self.nodes[args[1]].shape else None
        if op not in PRIMITIVES or op in MASKS:
            return None
        known = [self._constant(a) for a in args]
        row = PRIMITIVES[op]
        if op != "select" and row.value is not None and all(k is not None for k in known):
            return super().add("constant", value=float(row.value(*known)), shape=())
        return self._operand(op, args, known)

    def _operand(self, op: str, args: tuple[int, ...], known: list[float | None]) -> int | None:
        """Find the argument that the operation returns unchanged."""
        match op, args, known:
            case "add", (a, b), (ka, kb):
                if kb == 0 or ka == 0:
                    return a if kb == 0 else b
            case "sub", (a, _), (_, 0.0):
                return a
            case "mul", (a, b), (ka, kb):
                if kb == 1 or ka == 1:
                    return a if kb == 1 else b
            case "div", (a, _), (_, 1.0):
                return a
            case "neg", (a,), _ if self.nodes[a].op == "neg":
                return self.nodes[a].args[0]
            case ("maximum", (a, b), _) | ("select", (_, a, b), _) if a == b:
                return a
            case _:
                pass
        return None

    def _rewrite(self, op: str, args: tuple[int, ...]) -> tuple[str, tuple[int, ...]] | None:
        """Write a sum with a negated term as a difference, and the reverse."""
        if op == "add":
            for plus, minus in (args, args[::-1]):
                if self.nodes[minus].op == "neg":
                    return "sub", (plus, self.nodes[minus].args[0])
        if op == "sub":
            if self.nodes[args[1]].op == "neg":
                return "add", (args[0], self.nodes[args[1]].args[0])
            if self._constant(args[0]) == 0:
                return "neg", args[1:]
        return None


def without(graph: Graph, parameters: set[str]) -> Graph:
    """Replace parameters by 0, as ``bias=False`` does with biases."""
    builder = Simplifier()
    place: list[int] = []
    for node in graph.nodes:
        builder.line = node.line
        if node.op == "parameter" and node.name in parameters:
            place.append(builder.add("constant", value=0.0, shape=()))
        else:
            args = (place[a] for a in node.args)
            place.append(builder.add(node.op, *args, name=node.name, value=node.value, shape=node.shape))
    return verify(builder.graph({name: place[index] for name, index in graph.outputs}))


def ranks(graph: Graph) -> list[int]:
    """Classify every node by what it depends on: parameters alone, the input, the states, or the adjoints."""
    lowest = {"input": TIMED, "side": TIMED, "state": RECURRENT, "adjoint": ADJOINT}
    ranks: list[int] = []
    for node in graph.nodes:
        ranks.append(lowest.get(node.op, max((ranks[a] for a in node.args), default=STATIC)))
    return ranks


def reorder(graph: Graph) -> Graph:
    """Order every sum and every product by what its terms depend on: parameters, input, states, adjoints.

    Then terms of parameters alone are computed once (two biases become one), terms of the input or of saved values for
    all time steps at once, and the time loop has the least work. A pre-activation is always the chain bias, input
    products, state products.
    """
    rank, builder = ranks(graph), Simplifier()
    chains = _chains(graph, rank)
    place: list[int] = []
    for index, node in enumerate(graph.nodes):
        builder.line = node.line
        if index in chains:
            place.append(chains[index].extend(builder, index, place))
        else:
            args = (place[a] for a in node.args)
            place.append(builder.add(node.op, *args, name=node.name, value=node.value, shape=node.shape))
    return verify(builder.graph({name: place[index] for name, index in graph.outputs}))


class _Chain:
    """One sum or product of several terms, in their new order, built as far as its terms are known.

    Attributes:
        op: `add` or `mul`.
        terms: in the old order.
        order: positions among the terms, in the new order.
        spans: for each operation of the chain, the range of the terms that it joins.
    """

    def __init__(self, graph: Graph, top: int, readers: list[int], rank: list[int]) -> None:
        self.op, self.terms = graph.nodes[top].op, list[int]()
        self.spans: dict[int, tuple[int, int]] = {}
        begins: dict[int, int] = {}
        waiting = [top]
        while waiting:
            index = waiting.pop()
            node = graph.nodes[index]
            if index in begins:  # all its terms are collected
                self.spans[index] = (begins[index], len(self.terms))
            elif index == top or (node.op == self.op and readers[index] == 1):
                begins[index] = len(self.terms)
                waiting += [index, *reversed(node.args)]
            else:  # a value that other nodes read as well is one term
                self.terms.append(index)
        self.order = sorted(range(len(self.terms)), key=lambda at: rank[self.terms[at]])
        self.built, self.done = -1, 0

    def extend(self, builder: Builder, index: int, place: list[int]) -> int:
        """Add terms to the new chain, as far as possible when the terms of one of its operations are known.

        Each term is added once. Only the chain reads the result of an operation inside of it, so that may be partial.
        """
        first, stop = self.spans[index]
        while self.done < len(self.order) and first <= self.order[self.done] < stop:
            term = place[self.terms[self.order[self.done]]]
            self.built = builder.add(self.op, self.built, term) if self.done else term
            self.done += 1
        return self.built


def _chains(graph: Graph, rank: list[int]) -> dict[int, _Chain]:
    """Find the chain of each sum and product of vectors and numbers."""
    readers, chains = graph.readers(), dict[int, _Chain]()
    for index in reversed(range(len(graph.nodes))):
        node = graph.nodes[index]
        if node.op in {"add", "mul"} and len(node.shape) < 2 and index not in chains:
            chain = _Chain(graph, index, readers, rank)
            chains |= dict.fromkeys(chain.spans, chain)
    return chains


def expand(graph: Graph) -> Graph:
    """Expand the primitives that have no derivative of their own."""
    builder = Simplifier()
    place = expand_into(builder, graph, keep_derivatives=True)
    return verify(builder.graph({name: place[index] for name, index in graph.outputs}))
