"""Faults that tests overlook whose cases have a symmetry: in orders, paddings, ends, values that are equal."""

from faults.fault import Fault

KNOWN = "tests/flow/test_known_answers.py"
CRF = "tests/decoding/test_crf.py"
MIRROR = "tests/autodiff/test_mirror.py"
RECURRENT = "tests/nn/test_recurrent.py"
EVALUATION = "tests/tasks/generate/test_scores.py"

_SUM_OF_FAMILIES = """*(a for pair in pairs for a in pair)))
            total = term if total is None else total + term"""

ORDER_FAULTS = (
    Fault(
        "a vector that meets two families hears of one",
        "autodiff/adjoint.py",
        _SUM_OF_FAMILIES,
        _SUM_OF_FAMILIES.replace("term if total is None else total + term", "term"),
        MIRROR,
        "families",
    ),
    Fault(
        "random cells multiply with one family alone",
        "testing/random_cells.py",
        'families").random() < 0.4',
        'families").random() < 0.0',
        "tests/testing/test_check_gradients.py",
        "two_families",
    ),
    Fault(
        "the best path comes from the padding",
        "decoding/crf.py",
        "backpointers.append(torch.where(real[t].unsqueeze(1), where, stay))",
        "backpointers.append(where)",
        CRF,
        "padding",
    ),
    Fault(
        "the best score goes on through the padding",
        "decoding/crf.py",
        "alpha = torch.where(real[t].unsqueeze(1), highest + emissions[t], alpha)",
        "alpha = highest + emissions[t]",
        CRF,
        "padding",
    ),
    Fault(
        "Z goes on through the padding",
        "decoding/crf.py",
        "alpha = torch.where(real[t].unsqueeze(1), after, alpha)",
        "alpha = after",
        CRF,
        "padding",
    ),
    Fault(
        "the final states of any cell are packed a second time",
        "nn/recurrent.py",
        "permute(final, x.unsorted_indices)",
        "permute(final, x.sorted_indices)",
        RECURRENT,
        "packed_in_means",
    ),
    Fault(
        "the initial states of any cell are unpacked",
        "nn/recurrent.py",
        "batch.x, 3), x.sorted_indices)",
        "batch.x, 3), x.unsorted_indices)",
        RECURRENT,
        "packed_in_means",
    ),
    Fault(
        "the final states of a packed batch are packed a second time",
        "nn/torch_layers.py",
        "permute(final, input.unsorted_indices)",
        "permute(final, input.sorted_indices)",
        only="every_gradient and packed_unsorted",
    ),
    Fault(
        "answers are put into the order of the lengths a second time",
        "encoders/batches.py",
        "torch.empty_like(joined).index_copy_(0, torch.cat(order), joined)",
        "joined[torch.cat(order)]",
        "tests/encoders/test_batches.py",
        "in_the_order",
    ),
    Fault(
        "tags of shuffled words are shuffled a second time",
        "tasks/tag/batches.py",
        "torch.empty_like(numbers).index_copy_(0, few.orders[column], numbers)",
        "numbers[few.orders[column]]",
        "tests/tasks/tag/test_recipe.py",
        "shuffled_answers",
    ),
    Fault(
        "an image is made of pixels in their order a second time",
        "encoders/image.py",
        "steps[self._order.argsort()]",
        "steps[self._order]",
        "tests/encoders/test_image.py",
        "augmenting",
    ),
    Fault(
        "lag90 counts the lag that it does not reach",
        "flow/lags.py",
        "reached = (cumulated >= 0.9 * norm).nonzero()",
        "reached = (cumulated >= 0.95 * norm).nonzero()",
        KNOWN,
        "lag90",
    ),
    Fault(
        "lag90 is one step too short",
        "flow/lags.py",
        "return int(reached[0]) if len(reached)",
        "return max(0, int(reached[0]) - 1) if len(reached)",
        KNOWN,
        "lag90",
    ),
    Fault(
        "the gain of the first step is shown, that of the last is not",
        "flow/lags.py",
        "gain[:-1] if track.reverse else gain[1:]",
        "gain[1:] if track.reverse else gain[:-1]",
        KNOWN,
        "transport_gain",
    ),
    Fault(
        "the late rate is the early one",
        "flow/growth.py",
        "late.append(rates[:, count // 2 :]",
        "late.append(rates[:, : count // 2]",
        KNOWN,
        "late_rate",
    ),
    Fault(
        "the late rate is that of the direction which grew most at first",
        "flow/growth.py",
        "rates[:, count // 2 :].mean(1).amax(-1)",
        "rates[:, count // 2 :].mean(1)[:, 0]",
        KNOWN,
        "late_rate",
    ),
    Fault(
        "a gate that overwrites fades like one that keeps",
        "flow/gates.py",
        "weight = total / rows if kept.sign > 0 else 1 - total / rows",
        "weight = total / rows",
        KNOWN,
        "overwrites",
    ),
    Fault(
        "a stream is warmed up by the one behind it",
        "tasks/generate/scores.py",
        "module(ends.inputs.roll(1, dims=1), state",
        "module(ends.inputs.roll(-1, dims=1), state",
        EVALUATION,
        "two_hundred",
    ),
    Fault(
        "a stream is warmed up with the classes of its own end",
        "tasks/generate/scores.py",
        "ends.given.roll(1, dims=1)",
        "ends.given",
        EVALUATION,
        "two_hundred",
    ),
    Fault(
        "streams begin without a warm-up",
        "tasks/generate/scores.py",
        "_warm_state(module, streams) if batch > 1 else None",
        "None",
        EVALUATION,
        "two_hundred",
    ),
    Fault(
        "the first stream is warmed up by the last",
        "tasks/generate/scores.py",
        "lengths = [0] + [1] * (streams.batch - 1)",
        "lengths = [1] * streams.batch",
        EVALUATION,
        "two_hundred",
    ),
)
