"""Faults to plant in what looks inside a layer."""

from faults.fault import Fault

IDENTITIES = "tests/flow/test_identities.py"
KNOWN = "tests/flow/test_known_answers.py"
VERDICT = "tests/flow/test_verdict.py"
LEDGER = "tests/flow/test_ledger_and_attribution.py"

FLOW_FAULTS = (
    Fault(
        "steps past an example's end hear something",
        "flow/adjoints.py",
        "real = torch.where(valid, arrived, arrived.new_zeros(()))",
        "real = arrived",
        IDENTITIES,
        "final_state_is_followed and True",
    ),
    Fault(
        "a final state of the reverse direction belongs to the last step",
        "flow/adjoints.py",
        "torch.zeros_like(read) if track.reverse else examples.lengths[read] - 1",
        "examples.lengths[read] - 1",
        IDENTITIES,
        "final_state_is_followed and True",
    ),
    Fault(
        "a lower layer hears one direction of the layer above",
        "flow/adjoints.py",
        "below = d_x if below is None else below + d_x",
        "below = d_x",
        IDENTITIES,
        "final_state_is_followed and True",
    ),
    Fault(
        "lags of the reverse direction count as those of the other",
        "flow/lags.py",
        "lag = -lag if track.reverse else lag",
        "lag = lag + 0",
        IDENTITIES,
        "lags_count_the_other_way",
    ),
    Fault(
        "shares are measured along g without its length",
        "flow/lags.py",
        "[g / (safe_norm(g) or 1.0) for g in gradients]",
        "list(gradients)",
        KNOWN,
        "fifty_equal",
    ),
    Fault(
        "a Jacobian stands transposed",
        "flow/adjoints.py",
        "matrices.append(torch.cat(before, -1).view(len(times), size, size))",
        "matrices.append(torch.cat(before, -1).view(len(times), size, size).mT)",
        IDENTITIES,
        "jacobian_is_that_of_autograd",
    ),
    Fault(
        "a product of Jacobians is taken the wrong way round",
        "flow/growth.py",
        "product = product @ matrices[ends - lag + 1]",
        "product = matrices[ends - lag + 1] @ product",
        KNOWN,
        "products_are_in_the_order_of_time",
    ),
    Fault(
        "a Lyapunov exponent forgets Q",
        "flow/growth.py",
        "q, r = torch.linalg.qr(matrix @ q)",
        "q, r = torch.linalg.qr(matrix)",
        KNOWN,
        "in_a_turned_basis",
    ),
    Fault(
        "passing growth is an explosion",
        "flow/verdict.py",
        "if min(rate, spectrum.late) > GROWTH and grown > 1:",
        "if rate > GROWTH:",
        VERDICT,
        "forget_bias",
    ),
    Fault(
        "a leak counts as if there were none",
        "flow/bounds.py",
        "if [graph.nodes[i].args for i in readers] != [(matrix, state)] or graph.nodes[readers[0]].op not in PRODUCTS:",
        "if False:",
        VERDICT,
        "through_the_matrix_alone",
    ),
    Fault(
        "a gradient that is not finite has a factor",
        "flow/ledger.py",
        "if not math.isfinite(norm):\n        return math.nan",
        "if not math.isfinite(norm):\n        return 0.0",
        LEDGER,
        "flagged",
    ),
    Fault(
        "a step supplies what the step before it does",
        "flow/glance.py",
        "(total.deltas * v)",
        "(total.pulled * v)",
        "tests/flow/test_glance.py",
        "autograd_over_unshared",
    ),
    Fault(
        "the path of integrated gradients starts at the input",
        "flow/attribution.py",
        "zip((places + 1) / 2, weights / 2, strict=True)",
        "zip(places, weights / 2, strict=True)",
        LEDGER,
        "complete_for_a_layer",
    ),
)
