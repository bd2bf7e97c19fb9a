"""Faults to plant in the ledger of a training, in the drawings and in the report."""

from faults.fault import Fault

LEDGER = "tests/training/test_ledger.py"
DIAGRAM = "tests/flow/page/test_diagram.py"
REPORT = "tests/flow/page/test_report.py"
RUN = "tests/training/test_run.py"

REPORT_FAULTS = (
    Fault(
        "a loss that is infinite may be the best",
        "scores/measured.py",
        "not math.isfinite(self.loss)",
        "math.isnan(self.loss)",
        tests=LEDGER,
        only="never_the_best",
    ),
    Fault(
        "weights that are not finite are kept as the best",
        "training/loop.py",
        "improved = False",
        "improved = True",
        tests=LEDGER,
        only="validation_does_not_see_them",
    ),
    Fault(
        "a run that goes on has forgotten how often it got no better",
        "training/run.py",
        'Counts(**state["counts"])',
        'Counts(**{**state["counts"], "worse_in_a_row": 0})',
        tests=RUN,
        only="never_stopped and patience",
    ),
    Fault(
        "a run that goes on has its whole time budget again",
        "training/run.py",
        'Stopwatch(state["seconds"])',
        "Stopwatch()",
        tests=RUN,
        only="never_stopped and time",
    ),
    Fault(
        "an epoch whose end an update came upon is counted no more when a run goes on",
        "training/run.py",
        'Counts(**state["counts"])',
        'Counts(**{**state["counts"], "epoch_read": False})',
        tests=RUN,
        only="never_stopped and accumulated",
    ),
    Fault(
        "a training looks at itself whenever it can",
        "training/glances.py",
        "max(_AGE * update, update + worth)",
        "0.0",
        tests="tests/training/test_glances.py",
        only="what_one_costs",
    ),
    Fault(
        "lines of the ledger that are joined keep the larger factor",
        "flow/ledger.py",
        "min(self.factor, other.factor)",
        "max(self.factor, other.factor)",
        tests=LEDGER,
        only="few_lines",
    ),
    Fault(
        "the ledger names the parameter that supplied least",
        "flow/ledger.py",
        "max(range(len(norms)), key=norms.__getitem__)",
        "min(range(len(norms)), key=norms.__getitem__)",
        tests=LEDGER,
        only="what_supplied_most",
    ),
    Fault(
        "one update of fifty with a high loss does not start the count again",
        "flow/ledger.py",
        "self._high + 1 if loss > limit else 0",
        "self._high + (loss > limit)",
        tests=LEDGER,
        only="a_single_one_is_not",
    ),
    Fault(
        "what is subtracted is drawn as added",
        "flow/page/dataflow.py",
        '("" if sign else "−") if node.op == "sub" else sign',
        "sign",
        tests=DIAGRAM,
        only="what_is_subtracted",
    ),
    Fault(
        "a box stands in the column of what it reads",
        "flow/page/layering.py",
        "(columns[a] + 1 for",
        "(columns[a] for",
        tests=DIAGRAM,
        only="can_be_drawn",
    ),
    Fault(
        "the count of a box leaves out its biases",
        "flow/page/diagram.py",
        "for name in box.members):,}",
        "for name in box.members[:-1]):,}",
        tests=DIAGRAM,
        only="counts_in_the_boxes",
    ),
    Fault(
        "a curve is drawn through what is not there",
        "flow/page/charts.py",
        "drawing = seen",
        "drawing = True",
        tests=REPORT,
        only="breaks_where_there_are_none",
    ),
    Fault(
        "the names on a page are markup",
        "flow/page/report.py",
        "<header><h1>{escape(subject.name)}</h1>",
        "<header><h1>{subject.name}</h1>",
        tests=REPORT,
        only="never_markup",
    ),
    Fault(
        "a slope is said in powers of two",
        "flow/page/wording.py",
        "math.exp(slope)",
        "2**slope",
        tests=REPORT,
        only="known_half_life",
    ),
)
