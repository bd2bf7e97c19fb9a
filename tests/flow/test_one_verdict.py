"""One model has one verdict, which says what its neighbours say: on models, on trainings, and in what is advised."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import elman
from elman import cell, flow
from elman.flow.advice import advise
from elman.flow.evidence import Clipping, Evidence
from elman.flow.figures import Gates, GateUsage
from elman.flow.page.pictures import draw_figures
from elman.flow.verdict import judge, judge_training
from elman.nn import Recurrent


@cell
def linear(x, h, *, W, U):
    """Carry the state on through a matrix."""
    return W @ x + U @ h


def noise(steps: int, size: int = 3) -> Tensor:
    return torch.randn(steps, 2, size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def layer(equations: elman.Cell = elman.cells.lstm, hidden: int = 5, **options) -> Recurrent:
    torch.manual_seed(7)
    sizes = dict.fromkeys(equations.open_sizes, hidden)
    return Recurrent(equations, 3, hidden, sizes=sizes, **options).double()


def says(seen: flow.Flow) -> dict[str, str]:
    return {section.title: section.says for section in draw_figures(seen)}


def entered(norms: list[float], losses: list[float] | None = None, limit: float | None = 1.0) -> flow.Ledger:
    ledger = flow.Ledger(("W", "b"), limit)
    for norm, loss in zip(norms, losses or [1.0] * len(norms), strict=True):
        ledger.enter(loss, [norm, 0.0], flow.clip_factor(norm, limit))
    return ledger


# what is not finite, wherever it is


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["W_l0", "U_l1", "b_l0_reverse"])
def test_a_weight_that_is_not_finite_is_never_healthy(name, value):
    module = layer(num_layers=2, bidirectional=True)
    with torch.no_grad():
        dict(module.named_parameters())[name].view(-1)[0] = value
    seen = flow.examine(module, noise(9))
    assert seen.verdict == "NON-FINITE"
    assert seen.line.startswith("the ")


def test_a_loss_that_is_not_finite_is_never_healthy():
    assert entered([1.0, 1.0], [2.0, math.nan]).verdict().name == "NON-FINITE"
    assert entered([1.0, 1.0], [2.0, math.inf]).verdict().line == "the loss is not finite at update 2"
    assert judge_training(entered([1.0]).sum_up([(1, math.nan)])).name == "NON-FINITE"


def test_no_number_of_a_verdict_is_nan():
    for norms in ([], [0.0], [0.0, 0.0, 0.0], [math.inf], [math.nan, math.nan], [0.0, math.inf, 0.0], [1e-30]):
        verdict = entered(norms).verdict()
        assert "nan" not in str(verdict), norms
        assert (verdict.name == "HEALTHY") == (norms in ([], [1e-30])), norms


def test_a_training_and_the_model_that_it_left_have_the_same_verdict_of_what_is_not_finite():
    training = entered([1.0, math.inf, 1.0]).sum_up()
    seen = flow.examine(layer(linear), noise(31), ledger=training)
    assert (seen.verdict, seen.line) == (judge_training(training).name, judge_training(training).line)
    assert seen.line == (
        "1 of 3 updates were left out, since their gradient was not finite; the first was update 2, in W"
    )


# no gradient at all


def test_a_gradient_of_0_is_dead_and_supplied_by_nothing():
    ledger = entered([0.0, 0.0, 0.0], [0.5, 0.5, 0.5])
    assert str(ledger.verdict()).startswith("DEAD: the gradient is 0 at most of 3 updates. Try to")
    assert (ledger.supplier(), ledger.quantile(0.5), ledger.to_dict()["suggested_clip_norm"]) == ("", 0.0, None)


def test_a_loss_of_0_from_the_beginning_has_nothing_to_learn():
    verdict = entered([0.0] * 5, [0.0] * 5).verdict()
    assert verdict.line == "the loss and its gradient are 0 at each of 5 updates: there is nothing to learn"
    assert verdict.advice == "Try to give data whose targets differ"


def test_the_median_of_norms_counts_those_that_are_0():
    assert entered([0.0, 0.0, 8.0]).quantile(0.5) == 0.0
    assert entered([0.0, 8.0, 8.0, 8.0]).quantile(0.5) == pytest.approx(8.0, rel=0.1)
    assert entered([0.0, 0.0, 8.0]).suggested() == pytest.approx(8.0, rel=0.1)


def test_the_page_of_a_layer_without_gradient_says_so_in_every_sentence():
    seen = flow.examine(layer(elman.cells.gru), noise(9), grad_output=torch.zeros(9, 2, 5))
    assert seen.verdict == "DEAD"
    sentences = says(seen)
    for title in ("Gradient through time", "Influence of each step on each loss", "Where dL/dW comes from"):
        assert " is 0" in sentences[title]
    assert "never falls" not in sentences["Effective memory"]


# what travels through time


def test_a_single_step_has_nothing_to_travel_through():
    seen = flow.examine(layer(), noise(1))
    assert (seen.verdict, seen.line) == (
        "HEALTHY",
        "the sequences have one step, so no gradient travels through time",
    )
    assert all("unknown" not in sentence and "nan" not in sentence for sentence in says(seen).values())
    assert "over 1 step " in flow.examine(layer(elman.cells.elman), noise(2)).line


def test_weights_of_0_let_nothing_through_and_every_sentence_says_so():
    module = layer(elman.cells.elman)
    with torch.no_grad():
        module.U_l0.zero_()
    seen = flow.examine(module, noise(31))
    assert seen.verdict == "VANISHING"
    assert "over 30 steps nothing of the gradient is left" in seen.line
    sentences = says(seen)
    assert sentences["Influence of each step on each loss"].endswith("is 0 from the first step back.")
    assert sentences["Lyapunov spectrum"] == "A difference between two states is gone after one step (λ₁ = −infinity)."


@pytest.mark.parametrize("longer_helps", [True, False])
def test_a_gradient_that_fades_beyond_what_the_data_need_is_healthy_and_both_are_said(longer_helps):
    seen = flow.examine(layer(), noise(61), loss=lambda n: 1 + 2.0**-n, longer_helps=longer_helps)
    assert seen.verdict == "HEALTHY"
    lag, left = seen.influence["l0"].far
    assert (lag, left < 1e-3) == (50, True)
    assert seen.line == f"the gradient fades to {left:.2g} over 50 steps; these data need 7"


def test_a_gradient_that_fades_before_what_the_data_need_vanishes_and_both_are_said():
    seen = flow.examine(layer(), noise(61), loss=lambda n: 2.0 - (n >= 47), longer_helps=True)
    assert seen.verdict == "VANISHING"
    assert "; these data need 47; " in seen.line
    assert "(--chrono 47, or elman.nn.init.chrono_)" in seen.advice[0]


def test_a_model_that_has_learnt_nothing_does_not_say_what_the_data_need():
    seen = flow.examine(layer(), noise(61), loss=lambda _: 1.0)
    assert seen.verdict == "VANISHING"
    assert "data need" not in seen.line


def test_short_memory_is_no_fault_where_a_model_without_memory_does_as_well():
    seen = flow.examine(layer(), noise(61), order_needed=False)
    assert seen.verdict == "HEALTHY"
    assert seen.line.endswith("; these data do not need it, since the order of the steps does not raise the score")


def test_where_one_direction_alone_vanishes_the_other_is_named():
    module = layer(elman.cells.gru, bidirectional=True)
    with torch.no_grad():
        module.b_l0.view(3, -1)[1].fill_(9.0)  # the update gate, which keeps
    seen = flow.examine(module, noise(61))
    assert seen.verdict == "VANISHING"
    assert seen.line.startswith("l0_reverse: over 50 steps")
    assert " in l0); " in seen.line
    needed = flow.examine(module, noise(61), loss=lambda n: 2.0 - (n >= 47), longer_helps=True)
    assert needed.verdict == "HEALTHY", "the other direction reaches as far as the data need"
    assert needed.line.endswith(" in l0); these data need 47")


def test_a_lag_that_was_not_measured_is_not_spoken_of():
    seen = flow.examine(layer(), noise(20))
    assert "over 19 steps" in seen.line
    sentence = says(seen)["Influence of each step on each loss"]
    assert "over 19 steps" in sentence
    assert "50" not in sentence


def test_a_gradient_that_grows_is_not_said_to_be_left():
    module = layer(linear, hidden=3)
    with torch.no_grad():
        module.U_l0.copy_(1.9 * torch.eye(3))
    assert (
        "over 50 steps it grows 8.7·10¹³-fold"
        in says(flow.examine(module, noise(61)))["Influence of each step on each loss"]
    )


@pytest.mark.parametrize(
    ("factor", "line", "sentence"),
    [
        (1.02, "the gradient grows 1.02-fold", "it grows 1.02-fold"),
        (1.004, "the gradient hardly changes", "it hardly changes"),
        (0.996, "the gradient hardly changes", "it hardly changes"),
        (0.98, "0.98 of the gradient is left", "0.98 of it is left"),
    ],
)
def test_a_gradient_is_never_said_to_grow_1_fold_nor_to_keep_1_of_itself(factor, line, sentence):
    module = layer(linear, hidden=3)
    with torch.no_grad():
        module.U_l0.copy_(factor ** (1 / 50) * torch.eye(3))
    seen = flow.examine(module, noise(61))
    assert seen.verdict == "HEALTHY"
    assert seen.line.endswith(f"over 50 steps {line}")
    assert f"over 50 steps {sentence}" in says(seen)["Influence of each step on each loss"]


@pytest.mark.parametrize("name", [name for name in elman.cells.names() if name not in ("cfc", "lstm_projected")])
def test_no_sentence_of_any_cell_speaks_of_what_it_does_not_have(name):
    equations = elman.cells.find(name)
    seen = flow.examine(layer(equations), noise(13))
    sentences = says(seen)
    assert not any("unknown" in sentence for sentence in sentences.values())
    kinds = {node.op for node in equations.graph.nodes}
    about = sentences["Gates and units"]
    assert ("gates stuck" in about) == bool(kinds & {"sigmoid", "hard_sigmoid"})
    assert ("tanh" in about) == ("tanh" in kinds)
    assert ("relu units" in about) == ("relu" in kinds)


# what is advised


def gates(*, keeps: str = "c", life: float = 2.0, dead: float = math.nan) -> dict[str, Gates]:
    usage = GateUsage("f", 0.5, 0.0, 0.0, keeps, np.array([life]) if keeps else None)
    return {"l0": Gates((usage,), 0.0, 0.0, dead)}


def test_a_gated_cell_is_not_advised_to_who_has_one():
    for name in ("lstm", "gru", "minlstm", "ugrnn"):
        advice = " ".join(flow.examine(layer(elman.cells.find(name)), noise(61)).advice)
        assert "gated cell" not in advice
        assert "--cell lem" in advice
    assert "--cell lstm or --cell gru" in flow.examine(layer(elman.cells.elman), noise(61)).advice[1]
    assert "--cell" not in " ".join(flow.examine(layer(elman.cells.lem), noise(61)).advice)


def test_an_orthogonal_start_is_advised_to_who_has_a_matrix():
    assert "--init orthogonal" in flow.examine(layer(elman.cells.elman), noise(61)).advice[0]
    assert "orthogonal" not in " ".join(flow.examine(layer(elman.cells.indrnn), noise(61)).advice)


def test_a_forget_bias_is_not_advised_to_gates_that_are_open():
    assert "--chrono 61" in advise("VANISHING", Evidence(gates=gates(), steps=61))[0]
    assert "chrono" not in " ".join(advise("VANISHING", Evidence(gates=gates(life=500.0), steps=61)))


@pytest.mark.parametrize(("rows", "advised"), [([60], True), ([59, 60], False)])
def test_a_loss_at_more_steps_is_advised_where_the_map_has_one(rows, advised):
    upstream = torch.zeros(61, 2, 5, dtype=torch.float64)
    upstream[rows] = 1.0
    seen = flow.examine(layer(), noise(61), upstream)
    assert ("give the loss to more steps than the last" in seen.advice) == advised
    pooled = flow.examine(layer(), noise(61), upstream, options=["pooling"])
    assert ("let the loss reach every step (--pooling max)" in pooled.advice) == advised
    assert not any("loss" in advice for advice in flow.examine(layer(), noise(61), upstream, options=[]).advice)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (None, "clip the gradient's norm (--clip-norm 1)"),
        (Clipping(limit=1.0, suggested=0.25), "clip at a lower norm (--clip-norm 0.25)"),
        (Clipping(limit=1.0, suggested=3.0), ""),
        (Clipping(limit=1.0, suggested=1.0), ""),
        (Clipping(limit=1.0, suggested=None), ""),
        (Clipping(hard=0.5, limit=1.0, suggested=30.0), "clip at 30, which suits these norms (--clip-norm 30)"),
        (
            Clipping(limit=None, suggested=3.0),
            "clip at 3, which suits these norms (--clip-norm 3, in place of --clip-value)",
        ),
    ],
)
def test_clipping_is_advised_beyond_what_is_set(training, expected):
    advice = advise("EXPLODING", Evidence(training=training))
    assert [one for one in advice if "clip" in one] == ([expected] if expected else [])


def test_clipping_every_update_a_little_is_healthy():
    ledger = entered([5.0] * 20)
    verdict = ledger.verdict()
    assert verdict.name == "HEALTHY"
    assert "100% of updates clipped" in verdict.line


def test_a_relu_is_spoken_of_where_there_is_one():
    assert "without relu" in " ".join(advise("DEAD", Evidence(gates=gates(keeps="", dead=1.0))))
    assert "relu" not in " ".join(advise("DEAD", Evidence(gates=gates())))


def test_every_option_that_is_advised_is_one_of_every_recipe_or_of_those_that_have_it():
    from dataclasses import fields

    from elman.tasks.registry import RECIPES

    for recipe in RECIPES:
        names = {field.name for field in fields(recipe.commands.settings)} | {"cell", "size"}
        for verdict in flow.VERDICTS:
            for training in (None, Clipping(limit=1.0, suggested=0.1), Clipping(suggested=0.1)):
                for values in ({}, gates(), gates(keeps="", dead=1.0)):
                    given = Evidence(gates=values, training=training, steps=61, options=frozenset(names))
                    for word in " ".join(advise(verdict, given)).replace(")", " ").replace(",", " ").split():
                        if word.startswith(("(--", "--")):
                            assert word.strip("(-").replace("-", "_") in names, (recipe.name, verdict, word)


def test_one_rule_judges_gates_in_training_and_in_the_model():
    stuck = {"l0": Gates((), 0.9, 0.0, math.nan)}
    assert judge(Evidence(gates=stuck))[:2] == (
        "SATURATED",
        "l0: 90% of the units' gates are nearly always under 0.1 or over 0.9",
    )
    assert judge_training(Clipping(), stuck, 40).line.endswith("over 0.9, at update 40")
