r"""LaTeX: by hand for the famous cells; for all others read back by a strict parser and traced to the same graph.

The parser knows the few commands that an equation may hold and raises at anything else: an unknown command, a brace or
a \left without its partner, a value that no line above defines.
"""

import re

import pytest

import elman
from elman import cell, cells, exp, leaky_relu, log, relu, sqrt, tanh, where
from elman.cells import torch_layers
from elman.expr.builder import COMMUTATIVE
from elman.testing import random_cell

BY_HAND = {
    "elman": r"""
h_t &= \tanh(W x_t + U h_{t-1} + b)
""",
    "lstm": r"""
i_t &= \sigma(W_i x_t + U_i h_{t-1} + b_i) \\
f_t &= \sigma(W_f x_t + U_f h_{t-1} + b_f) \\
g_t &= \tanh(W_g x_t + U_g h_{t-1} + b_g) \\
o_t &= \sigma(W_o x_t + U_o h_{t-1} + b_o) \\
c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
h_t &= o_t \odot \tanh(c_t)
""",
    "gru": r"""
r_t &= \sigma(W_r x_t + U_r h_{t-1} + b_r) \\
z_t &= \sigma(W_z x_t + U_z h_{t-1} + b_z) \\
n_t &= \tanh(W_n x_t + b_n + r_t \odot (U_n h_{t-1} + d_n)) \\
h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}
""",
    "mgu": r"""
f_t &= \sigma(W_f x_t + U_f h_{t-1} + b_f) \\
n_t &= \tanh(W_n x_t + U_n (f_t \odot h_{t-1}) + b_n) \\
h_t &= (1 - f_t) \odot h_{t-1} + f_t \odot n_t
""",
    "minlstm": r"""
f_t &= \sigma(W_f x_t + b_f) \\
i_t &= \sigma(W_i x_t + b_i) \\
n_t &= W_n x_t + b_n \\
h_t &= \frac{f_t}{f_t + i_t} \odot h_{t-1} + \frac{i_t}{f_t + i_t} \odot n_t
""",
    "cfc": r"""
f_t &= W_f x_t + U_f h_{t-1} + b_f \\
g_t &= \tanh(W_g x_t + U_g h_{t-1} + b_g) \\
k_t &= \tanh(W_k x_t + U_k h_{t-1} + b_k) \\
\mathrm{early}_t &= \sigma(\mathrm{dt}_t\,(-f_t)) \\
h_t &= \mathrm{early}_t \odot g_t + (1 - \mathrm{early}_t) \odot k_t
""",
    "lem": r"""
\delta_{z,t} &= \sigma(W_{\delta_z} y_{t-1} + V_{\delta_z} u_t + b_{\delta_z}) \\
\delta_{y,t} &= \sigma(W_{\delta_y} y_{t-1} + V_{\delta_y} u_t + b_{\delta_y}) \\
z_t &= (1 - \delta_{z,t}) \odot z_{t-1} + \delta_{z,t} \odot \tanh(W_z y_{t-1} + V_z u_t + b_z) \\
y_t &= (1 - \delta_{y,t}) \odot y_{t-1} + \delta_{y,t} \odot \tanh(W_y z_t + V_y u_t + b_y)
""",
}


@pytest.mark.parametrize(("name", "lines"), BY_HAND.items())
def test_famous_cells_look_as_in_their_papers(name, lines):
    assert cells.find(name).latex() == rf"\begin{{align*}}{lines}\end{{align*}}"


@cell
def unusual(x, h, m, *, W, U, weight_ih, alpha, b, lambda_):
    candidate = sqrt(1.5 + tanh(W.t @ x - (b.t - lambda_ * h) + 1e-7) ** 2)
    _h = -(x_new := relu(U @ candidate)) * -0.5
    rho = abs(_h / (candidate / 2)) ** -0.3
    open_ = candidate < (rho - m)
    h = where(open_, exp(-(h + alpha.beta * h)), leaky_relu(weight_ih.i @ (rho * m), 0.1)) * tanh(_h)
    return h, -h + (-(m * 3.0)) * x_new


def test_names_numbers_and_brackets_follow_the_usual_notation():
    lines = [
        r"\mathrm{candidate}_t &= \sqrt{1.5 + (\tanh(W_{\mathrm{t}} x_t - (b_{\mathrm{t}} - \lambda \odot h_{t-1})",
        r" + 1 \cdot 10^{-7}))^{2}} \\",
        r"x_{\mathrm{new},t} &= \operatorname{relu}(U \mathrm{candidate}_t) \\",
        r"\mathrm{\_h}_t &= (-0.5)\,(-x_{\mathrm{new},t}) \\",
        r"\rho_t &= \left|\frac{\mathrm{\_h}_t}{\frac{\mathrm{candidate}_t}{2}}\right|^{-0.3} \\",
        r"\mathrm{open\_}_t &= (\mathrm{candidate}_t < \rho_t - m_{t-1}) \\",
        r"h_t &= \left(\begin{cases} \exp(-(h_{t-1} + \alpha_{\beta} \odot h_{t-1})) & \text{if } \mathrm{open\_}_t \\",
        r" \operatorname{leakyrelu}(\mathrm{weight}_{\mathrm{ih},i} (\rho_t \odot m_{t-1}), 0.1) & \text{otherwise}",
        r" \end{cases}\right) \odot \tanh(\mathrm{\_h}_t) \\",
        r"m_t &= -h_t + (-3\,m_{t-1}) \odot x_{\mathrm{new},t}",
    ]
    found = unusual.latex().replace("\n", "")
    assert found == rf"\begin{{align*}}{''.join(lines)}\end{{align*}}"


def test_a_state_that_stays_and_a_state_that_is_another_have_lines():
    @cell
    def lazy(x, h, c, m, *, W):
        h = tanh(W @ x + log(float("inf") - c))
        return h, c, h

    assert lazy.latex().splitlines()[1:-1] == [
        r"h_t &= \tanh(W x_t + \log(\infty - c_{t-1})) \\",
        r"c_t &= c_{t-1} \\",
        r"m_t &= h_t",
    ]


TOKEN = re.compile(
    r"\\(?:begin|end)\{cases\}|\\text\{(?:if |otherwise)\}"
    r"|\\(?:left|right)(?:[()|]|\\[lr]Vert)|\\operatorname\{[a-zA-Z]+\}"
    r"|\\mathrm\{(?:\w|\\_)+\}|\\(?:frac|sqrt|odot|le|land|lor|lnot|top|sigma|tanh|exp|log|sin|cos|max|min"
    r"|alpha|delta|nu|theta|cdot)(?![a-zA-Z])"
    r"|\\\\|\\,|\d+(?:\.\d+)?|[A-Za-z]|[{}()^_&+\-,<]"
)
FUNCTIONS = {r"\sigma": "sigmoid", r"\tanh": "tanh", r"\exp": "exp", r"\log": "log", r"\max": "maximum"}
FUNCTIONS |= {r"\min": "minimum", r"\operatorname{LN}": "layer_norm", r"\operatorname{relu}": "relu"}
FUNCTIONS |= {r"\operatorname{leakyrelu}": "leaky_relu", r"\operatorname{softplus}": "softplus"}
FUNCTIONS |= {r"\operatorname{hardsigmoid}": "hard_sigmoid", r"\operatorname{clamp}": "clamp"}
FUNCTIONS |= {r"\sin": "sin", r"\cos": "cos"}
FUNCTIONS |= {rf"\operatorname{{{name}}}": name for name in ("softmax", "sum", "mean")}
JOINED = {r"\land": "&", r"\lor": "|"}


class Reader:
    """Read one side of an equation back as Python."""

    def __init__(self, text, parameters, known):
        self.tokens = TOKEN.findall(text)
        assert "".join(self.tokens).replace(" ", "") == text.replace(" ", ""), f"unknown commands in {text}"
        self.parameters, self.known = parameters, known

    def read(self):
        result = self.comparison()
        assert not self.tokens, self.tokens
        return result

    def peek(self):
        return self.tokens[0] if self.tokens else ""

    def take(self, expected=None):
        assert self.tokens
        assert expected in (None, self.tokens[0]), f"{expected} before {self.tokens}"
        return self.tokens.pop(0)

    def group(self):
        self.take("{")
        inner = self.sum()
        self.take("}")
        return f"({inner})"

    def comparison(self):
        left = self.sum()
        while self.peek() in JOINED:
            left = f"({left}) {JOINED[self.take()]} ({self.sum()})"
        if self.peek() not in ("<", r"\le"):
            return left
        return f"{left} {'<' if self.take() == '<' else '<='} {self.sum()}"

    def sum(self):
        if self.peek() == "-":
            self.take()
            text = f"-({self.term()})" if not re.match(r"\d|\\infty", self.peek()) else f"-{self.term()}"
        else:
            text = self.term()
        while self.peek() in ("+", "-"):
            text = f"({text}) {self.take()} ({self.term()})"
        return text

    def term(self):
        text = self.factor()
        while self.peek() in (r"\odot", r"\,"):
            self.take()
            text = f"({text}) * ({self.factor()})"
        return text

    def factor(self):
        text = self.power()
        if text.removesuffix(".T") in self.parameters and (
            self.peek() in FUNCTIONS or re.match(r"[A-Za-z(]|\\(mathrm|left|frac|alpha)", self.peek())
        ):
            return f"{text} @ ({self.power()})"
        return text

    def power(self):
        text = self.atom()
        if self.peek() == "^":
            self.take()
            if self.peek() == r"\top":
                self.take()
                return f"{text}.T"
            return f"({text}) ** {self.group()}"
        return text

    def atom(self):
        token = self.take()
        if token in ("(", r"\left("):
            inner = self.comparison()
            self.take({"(": ")"}.get(token, r"\right)"))
            return f"({inner})"
        if token == r"\lnot":
            return f"~{self.atom()}"
        if token == r"\left|":
            inner = self.sum()
            self.take(r"\right|")
            return f"abs({inner})"
        if token == r"\left\lVert":
            inner = self.sum()
            self.take(r"\right\rVert")
            return f"norm({inner})"
        if token == r"\frac":
            return f"({self.group()} / {self.group()})"
        if token == r"\sqrt":
            return f"sqrt({self.group()})"
        if token == r"\begin{cases}":
            return self.cases()
        if token in FUNCTIONS:
            return self.call(FUNCTIONS[token])
        return token if token[0].isdigit() else self.symbol(token)

    def cases(self):
        first = self.sum()
        self.take("&")
        self.take(r"\text{if }")
        condition = self.comparison()
        self.take(r"\\")
        second = self.sum()
        for token in ("&", r"\text{otherwise}", r"\end{cases}"):
            self.take(token)
        return f"where({condition}, {first}, {second})"

    def call(self, function):
        opening = self.take()
        assert opening in ("(", r"\left(")
        arguments = [self.sum()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.sum())
        self.take(")" if opening == "(" else r"\right)")
        function = "max" if (function, len(arguments)) == ("maximum", 1) else function
        return f"{function}({', '.join(arguments)})"

    def symbol(self, token):
        base = word(token)
        below = self.below()
        if below and below[-1] in ("t", "t-1"):
            name = "_".join([base, *below[:-1]])
            if below[-1] == "t-1":
                return f"old_{name}"
            assert name in self.known, f"{name} is not defined yet"
            return name
        *family, member = [base, *below]
        name = ".".join(filter(None, ("_".join(family), member)))
        name = name if name in self.parameters else "_".join([*family, member])
        assert name in self.parameters
        return name

    def below(self):
        if self.peek() != "_":
            return []
        self.take("_")
        if self.peek() != "{":
            return [word(self.take())]
        self.take("{")
        parts = []
        while self.peek() != "}":
            part = word(self.take())
            if self.peek() == "_":
                part += "_" + "_".join(self.below())
            if self.peek() == "-":
                part += self.take() + self.take()
            parts.append(part)
            if self.peek() == ",":
                self.take()
        self.take("}")
        return parts


def word(token):
    inner = re.fullmatch(r"\\mathrm\{(.*)\}|\\(\w+)|(\w)", token)
    assert inner, token
    return (inner[1] or inner[2] or inner[3]).replace(r"\_", "_")


def read_back(original):
    """Trace the cell that its LaTeX says."""
    first, *lines, last = original.latex().splitlines()
    assert (first, last) == (r"\begin{align*}", r"\end{align*}")
    entry = original.graph.nodes[original.graph.input].name
    parameters, known, body = set(original.graph.parameters), [entry, *original.sides], []
    for number, line in enumerate(lines):
        assert line.endswith(r" \\") == (number < len(lines) - 1)
        left, right = line.removesuffix(r" \\").split(" &= ")
        name = left.removesuffix("_t") if left.endswith("_t") else left.removesuffix(",t}").replace("_{", "_")
        name = "_".join(word(part) for part in name.split("_"))
        body.append(f"    {name} = {Reader(right, parameters, known).read()}")
        assert name not in known
        known.append(name)
    families = dict.fromkeys(p.split(".")[0] for p in original.graph.parameters)
    old = [f"old_{s}" for s in original.states]
    arguments = [entry, *original.sides, "/", *old, "*", *families]
    text = f"def again({', '.join(arguments)}):\n" + "\n".join(body)
    scope = {n: getattr(elman, n) for n in elman.__all__}
    exec(compile(f"{text}\n    return {', '.join(original.states)}\n", "latex", "exec"), scope)
    return cell(scope["again"])


def values(graph, numbers, rename=""):
    """Number the values of a graph's outputs; equal values get equal numbers."""
    found = []
    for node in graph.nodes:
        args = [found[a] for a in node.args]
        args = sorted(args) if node.op in COMMUTATIVE else args
        key = (node.op, node.name.removeprefix(rename), node.value, *args)
        found.append(numbers.setdefault(key, len(numbers)))
    return [found[index] for _, index in graph.outputs]


ALL = [
    *map(cells.find, cells.names()),
    torch_layers.torch_lstm_projected,
    torch_layers.torch_gru,
    *map(random_cell, range(60)),
]


@pytest.mark.parametrize("original", ALL, ids=lambda c: c.name)
def test_the_latex_of_any_cell_says_its_equations_and_nothing_else(original):
    numbers = {}
    assert values(read_back(original).graph, numbers, "old_") == values(original.graph, numbers)
