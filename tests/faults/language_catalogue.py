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
