"""Compare our RNN, LSTM and GRU with torch's: outputs, final states and every gradient, over random configurations."""

from collections import Counter

import pytest
import torch

import elman
from drop_ins import FORMS, Configuration, draw, draw_values, run
from tolerances import assert_close, assert_close_to_truth, assert_identical

CONFIGURATIONS = [draw(number) for number in range(600)]
"""The results of a layer are compared on each of them."""

SEEDS = [case for case in CONFIGURATIONS if case.form == "padded"][:60]
"""Initialisation does not depend on the input, so fewer are enough."""


@pytest.mark.parametrize("case", CONFIGURATIONS, ids=str)
def test_outputs_states_and_every_gradient_equal_torchs(case: Configuration) -> None:
    compare(case)


@pytest.mark.parametrize("case", CONFIGURATIONS[::3], ids=str)
def test_on_the_reference_outputs_states_and_every_gradient_equal_torchs(case: Configuration) -> None:
    with elman.backend("reference"):
        compare(case)


def compare(case: Configuration) -> None:
    values = draw_values(case)
    ours = run(elman.nn, case, values, case.dtype)
    torchs = run(torch.nn, case, values, case.dtype)
    assert list(ours) == list(torchs), "the parameters differ in name or order"
    truth = torchs if case.dtype == torch.float64 else run(torch.nn, case, values, torch.float64)
    for name, expected in torchs.items():
        if case.dtype == torch.float64:
            assert_close(name, ours[name], expected)
        else:
            assert_close_to_truth(name, ours[name], expected, truth[name])


@pytest.mark.parametrize("case", SEEDS, ids=str)
def test_the_same_seed_gives_the_same_initial_parameters_bit_for_bit(case: Configuration) -> None:
    torch.manual_seed(case.seed)
    ours = getattr(elman.nn, case.kind)(**case.options, dtype=case.dtype)
    draws_after_ours = torch.randn(3)
    torch.manual_seed(case.seed)
    torchs = getattr(torch.nn, case.kind)(**case.options, dtype=case.dtype)
    assert_identical("the next number drawn", draws_after_ours, torch.randn(3))
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in torchs.named_parameters()]
    for name, parameter in torchs.named_parameters():
        assert_identical(name, getattr(ours, name), parameter)


def test_the_configurations_cover_every_pair_of_options() -> None:
    def aspects(case: Configuration) -> list[tuple[str, object]]:
        options = case.options
        kind = f"{case.kind} {options.get('nonlinearity', '')}{' projected' if 'proj_size' in options else ''}"
        return [
            ("kind", kind),
            ("form", case.form),
            ("dtype", case.dtype),
            ("states", case.states_given),
            *((name, options[name]) for name in ("num_layers", "bias", "batch_first", "bidirectional")),
        ]

    seen = Counter(
        frozenset((one, other))
        for case in CONFIGURATIONS
        for one in aspects(case)
        for other in aspects(case)
        if one < other
    )
    values = {aspect for case in CONFIGURATIONS for aspect in aspects(case)}
    possible = {frozenset((one, other)) for one in values for other in values if one[0] < other[0]}
    assert len(values) == 5 + len(FORMS) + 2 + 2 + 3 + 2 + 2 + 2
    assert min(seen[pair] for pair in possible) >= 5
    assert sum("dropout" in case.options for case in CONFIGURATIONS) >= 50
