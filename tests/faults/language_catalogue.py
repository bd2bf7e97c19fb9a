"""Faults to plant in the language of cells: its primitives, the roles of parameters, and how equations are printed."""

from faults.fault import Fault

PRIMITIVES = "tests/expr/test_primitives.py"
ROLES = "tests/expr/test_roles.py"
LATEX = "tests/expr/test_latex.py"

LANGUAGE_FAULTS = (
    Fault(
        "relu passes a gradient at zero",
        "expr/primitives.py",
        "_choose(x <= 0.0, 0.0, x)",
        "_choose(x < 0.0, 0.0, x)",
        tests=PRIMITIVES,
        only="ties",
    ),
    Fault(
        "a clamp stops the gradient at its lower bound",
        "expr/primitives.py",
        "_choose(x < low, low,",
        "_choose(x <= low, low,",
        tests=PRIMITIVES,
        only="constant",
    ),
    Fault(
        "the cosine's derivative has the sign of the sine's",
        "expr/primitives.py",
        '(-(d * apply("sin", x)),)',
        '(d * apply("sin", x),)',
        tests=PRIMITIVES,
        only="ties",
    ),
    Fault(
        "one of two comparisons is enough only if it is the first",
        "expr/primitives.py",
        "_choose(a, 1.0, _as_number(b))",
        "_choose(a, 1.0, 0.0)",
        tests=PRIMITIVES,
        only="joined",
    ),
    Fault(
        "the sine has its sign in half of all quarters",
        "backends/llvm/emit/circular.py",
        "sign = b.xor(sign, b.and_(",
        "sign = b.or_(sign, b.and_(",
        tests="tests/backends/llvm/test_math.py",
        only="sixty_digits and sin and host",
    ),
    Fault(
        "large angles lose a word of the product",
        "backends/llvm/emit/circular.py",
        "for k in (4, 2))",
        "for k in (4, 1))",
        tests="tests/backends/llvm/test_math.py",
        only="a_sample and sin and host",
    ),
    Fault(
        "each of the largest gets the whole gradient",
        "autodiff/adjoint.py",
        'builder.apply("spread", d / count, args[0])',
        'builder.apply("spread", d, args[0])',
        tests=PRIMITIVES,
        only="ties",
    ),
    Fault(
        "the length of nothing has an infinite derivative",
        "expr/primitives.py",
        "_choose(is_zero, 1.0, squares)",
        "squares",
        tests=PRIMITIVES,
        only="ties",
    ),
    Fault(
        "a softmax forgets that its numbers share a sum",
        "expr/primitives.py",
        '(y * (d - apply("sum", d * y)),)',
        "(y * d,)",
        tests=PRIMITIVES,
        only="over_units",
    ),
    Fault(
        "what lies behind the last column is among the largest",
        "backends/llvm/emit/passes.py",
        'if op == "max":  # columns',
        "if False:  # columns",
        "tests/backends/llvm/test_against_reference.py",
        "unusual and parameter",
    ),
    Fault(
        "a state that is one number is read as a vector",
        "backends/llvm/plan/__init__.py",
        "not in carries and is_whole)",
        "not in carries)",
        "tests/backends/llvm/test_against_reference.py",
        "unusual and sums",
    ),
    Fault(
        "WebAssembly puts a state that is one number into four units",
        "export/wasm/step.py",
        "result, self._part.size(leaf))",
        "result, self._part.size(result))",
        "tests/export/test_over_units.py",
        "wasm and mean",
    ),
    Fault(
        "a matrix that waits for a reset state is not taken for hidden-to-hidden",
        "expr/roles.py",
        """        elif node.op == "mul":
            factors.append(factors[node.args[0]] | factors[node.args[1]])
""",
        "",
        tests=ROLES,
        only="hidden_to_hidden and mgu",
    ),
    Fault(
        "LaTeX loses the brackets of a subtracted difference",
        "expr/latex.py",
        '"sub": Form("{} - {}".format, SUM, (SUM, SUM + 1))',
        '"sub": Form("{} - {}".format, SUM, (SUM, SUM))',
        tests=LATEX,
        only="any_cell",
    ),
    Fault(
        "LaTeX shows a new state as the old one",
        "expr/latex.py",
        """return symbol(name.removesuffix("'"), "t")""",
        """return symbol(name.removesuffix("'"), "t-1" if name.endswith("'") else "t")""",
        tests=LATEX,
        only="any_cell and lstm",
    ),
    Fault(
        "what a side input adds to a gate is taken for a constant",
        "expr/graph.py",
        'node.op in {"input", "side", "state"} or any(',
        'node.op in {"input", "state"} or any(',
        ROLES,
        "side_input",
    ),
)
