"""Write equations as HTML, in the notation of papers.

The notation is that of :mod:`elman.expr.latex`: a state before the step has the subscript t−1, and ⊙ is between two
vectors. It uses italics and subscripts alone, which look the same with any font.

>>> from elman import cells
>>> print(write_html(cells.elman).replace("<i>", "").replace("</i>", "").replace("<td>", "").replace("</td>", " "))
<table class="equations"><tr>h<sub>t</sub> = tanh(W x<sub>t</sub> + U h<sub>t−1</sub> + b) </tr></table>
"""

import math
from html import escape

from elman.expr import Cell
from elman.expr.graph import ROW, Graph, Node
from elman.expr.latex import CASES, COMPARISON, JUXTAPOSED, LETTERS, POWER, PRODUCT, SUM
from elman.expr.limits import MOST_SHOWN
from elman.expr.printing import CALL, Form, write_equations

# A notebook has rules of its own for tables, stripes among them; text keeps its colour, in a light and a dark theme.
_RULES = (
    ".elman-cell{overflow-x:auto}.elman-cell p{margin:.2rem 0}.elman-cell tr{background:none!important}"
    ".elman-cell table{border-collapse:collapse;margin:.3rem 0;color:inherit;"
    "font:1.1rem/1.8 Georgia,'Times New Roman','DejaVu Serif',serif}"
    ".elman-cell td{border:0;padding:0 .5rem 0 0;text-align:left!important;vertical-align:baseline;white-space:nowrap}"
    ".elman-cell td:first-child{text-align:right!important}.elman-cell sub,.elman-cell sup{font-size:.72em}"
)
_ATOM = 10
_GREEK = frozenset(LETTERS.split()) | {"lambda_"}
_FUNCTIONS = {"sigmoid": "σ", "maximum": "max", "minimum": "min", "layer_norm": "LN", "sqrt": "√"}
_FORMS = {
    "add": Form("{} + {}".format, SUM, (SUM, SUM + 1)),
    "sub": Form("{} − {}".format, SUM, (SUM, SUM + 1)),
    "neg": Form("−{}".format, SUM, (SUM + 1,)),
    "div": Form("{} / {}".format, PRODUCT, (PRODUCT, PRODUCT + 1)),
    "product": Form("{} {}".format, JUXTAPOSED, (_ATOM, JUXTAPOSED + 1)),
    "product_t": Form("{}<sup>T</sup> {}".format, JUXTAPOSED, (_ATOM, JUXTAPOSED + 1)),
    "power": Form("{}<sup>{}</sup>".format, POWER, (_ATOM, 0)),
    "less": Form("{} &lt; {}".format, COMPARISON, (SUM, SUM)),
    "less_equal": Form("{} ≤ {}".format, COMPARISON, (SUM, SUM)),
    "equal": Form("{} = {}".format, COMPARISON, (SUM, SUM)),
    "and": Form("{} &and; {}".format, COMPARISON, (SUM, SUM)),
    "or": Form("{} &or; {}".format, COMPARISON, (SUM, SUM)),
    "not": Form("&not;{}".format, POWER, (SUM,)),
    "norm": Form("‖{}‖".format, _ATOM, (0,)),
    "abs": Form("|{}|".format, _ATOM, (0,)),
    "select": Form("{1} if {0}, else {2}".format, CASES, (COMPARISON, 0, 0)),
}


def write_html(cell: Cell) -> str:
    """Write the equations of a cell as one table, a row for each named value and each new state."""
    lines = write_equations(cell.graph, cell.labels, _Html())
    rows = (f"<tr><td>{left}</td><td>=</td><td>{right}</td></tr>" for left, right in lines)
    return f'<table class="equations">{"".join(rows)}</table>'


def show_cell(cell: Cell) -> str:
    """Write a cell for a notebook: its name, its equations, and the names of its states and parameters.

    Notebooks take HTML before LaTeX, and show it where there is no MathJax too, so the equations need none. The classes
    keep MathJax away from a docstring with a dollar.
    """
    count = len(cell.graph.nodes)
    shown = (
        write_html(cell) if count <= MOST_SHOWN else f"<p>{count:,} values, too many to be shown; see equations()</p>"
    )
    about = f": {escape(line)}" if (line := cell.doc.strip().partition("\n")[0]) else ""
    parameters = ", ".join(_symbol(one.name) for one in cell.parameters)
    states = ", ".join(map(_symbol, cell.states))
    return (
        f'<div class="elman-cell tex2jax_ignore mathjax_ignore"><style>{_RULES}</style>'
        f"<p><b>{escape(cell.name)}</b>{about}</p>{shown}"
        f"<p>states {states}; parameters {parameters or 'none'}</p></div>"
    )


class _Html:
    """Notation of papers, as HTML."""

    def name(self, name: str) -> str:
        return _symbol(name.removesuffix("'"), "t")

    def leaf(self, node: Node) -> str:
        if node.op == "constant":
            return f"{node.value:g}" if math.isfinite(node.value) else str(node.value)
        if node.op == "parameter":
            family, _, member = node.name.partition(".")
            return _symbol(family, *([member] if member else []))
        return _symbol(node.name, "t−1" if node.op == "state" else "t")

    def form(self, graph: Graph, node: Node) -> Form:
        if node.op == "mul":
            return _times(*(graph.nodes[a] for a in node.args))
        if node.op in _FORMS:
            return _FORMS[node.op]
        function = _FUNCTIONS.get(node.op, node.op.replace("_", " "))
        return Form(lambda *args: f"{function}({', '.join(args)})", CALL, (0,) * len(node.args))

    def bracket(self, text: str) -> str:
        return f"({text})"


def _times(left: Node, right: Node) -> Form:
    """Write ⊙ between two vectors, and a number before its vector."""
    vectors = [node.shape not in {(), (ROW,)} for node in (left, right)]
    if all(vectors):
        return Form("{} ⊙ {}".format, PRODUCT, (PRODUCT, PRODUCT + 1))
    if vectors[1]:
        return Form("{} {}".format, PRODUCT, (PRODUCT, PRODUCT + 1))
    return Form("{1} {0}".format, PRODUCT, (PRODUCT + 1, PRODUCT))


def _symbol(name: str, *below: str) -> str:
    """Write a Python name: Greek letters as such, the part after an underscore as a subscript."""
    words = name.split("_")
    base, *own = words if all(words) and name not in _GREEK else [name]
    lower = ", ".join([*map(_word, own), *("".join(map(_word, word.split("_"))) for word in below)])
    return _word(base) + (f"<sub>{lower}</sub>" if lower else "")


def _word(word: str) -> str:
    if word in _GREEK:
        return f"<i>&{word.removesuffix('_')};</i>"
    return f"<i>{escape(word)}</i>" if len(word) == 1 else escape(word)
