"""Faults to plant in what is counted: the n-gram model, the baseline of a language model, and paired scores."""

from faults.fault import Fault

NGRAMS = "tests/decoding/test_ngrams.py"
BASELINE = "tests/tasks/generate/test_baseline.py"

COUNTING_FAULTS = (
    Fault(
        "a unit at a place has the number of one at the place before",
        "tasks/classify/baseline/bags.py",
        "self.units * np.arange(1, 1 + len(placed))",
        "self.units * np.arange(len(placed))",
        tests="tests/tasks/classify/test_baseline.py",
        only="at_a_place",
    ),
    Fault(
        "the interval of paired differences has a degree of freedom too many",
        "scores/paired.py",
        "t_quantile(1 - doubt / 2, count - 1)",
        "t_quantile(1 - doubt / 2, count)",
        tests="tests/scores/test_paired.py",
        only="by_hand",
    ),
    Fault(
        "counts of three and more are discounted like those of two",
        "decoding/ngrams.py",
        "[np.minimum(counts, 3)]",
        "[np.minimum(counts, 2)]",
        NGRAMS,
        "equations",
    ),
    Fault(
        "a discount is left out of its counts, and still given to the order below",
        "decoding/ngrams.py",
        "(counts - taken) /",
        "counts /",
        NGRAMS,
        "sum_to_one",
    ),
    Fault(
        "a shorter n-gram counts as often as it occurs",
        "decoding/ngrams.py",
        "begun[1:][somewhere]",
        "begun[1:]",
        NGRAMS,
        "equations",
    ),
    Fault(
        "what was never seen is impossible",
        "decoding/ngrams.py",
        "np.full(len(text), 1 / size)",
        "np.zeros(len(text))",
        NGRAMS,
        "possible or sum_to_one",
    ),
    Fault(
        "a kept model forgets what the lower orders leave",
        "decoding/ngrams.py",
        "found *= left[context]",
        "found *= left[0]",
        NGRAMS,
        "kept",
    ),
    Fault(
        "the order is the one that predicts best what was counted",
        "tasks/generate/baseline.py",
        "score_orders(counted, text, size, orders)",
        "score_orders(counted, counted, size, orders)",
        BASELINE,
        "order_is",
    ),
    Fault(
        "n-grams are scored at places that the network does not predict",
        "tasks/generate/recipe.py",
        "predicted=(len(held) - 1) // batch * batch",
        "predicted=len(held) - 1",
        BASELINE,
        "same_places",
    ),
    Fault(
        "a model that is worse than counting is praised",
        "tasks/generate/baseline.py",
        "if loss < baseline.loss:",
        "if loss > baseline.loss:",
        BASELINE,
        "verdict",
    ),
    Fault(
        "all of a long text is counted",
        "tasks/generate/baseline.py",
        "learnt[-most:]",
        "learnt",
        BASELINE,
        "too_long",
    ),
    Fault(
        "a search changes what a preset gives",
        "tasks/generate/space.py",
        "{*given, *preset_beneath(given)}",
        "{*given}",
        BASELINE,
        "preset",
    ),
    Fault(
        "a search tries windows that the text is not read with",
        "tasks/generate/space.py",
        'frozenset({"window"})',
        "frozenset()",
        BASELINE,
        "window",
    ),
)
