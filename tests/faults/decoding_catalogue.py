"""Faults to plant in the search for translations, its constraints, attention, and what lets a search write."""

from faults.fault import Fault

SEARCH = "tests/decoding/test_search.py"
SAMPLING = "tests/decoding/test_sampling.py"
HELD = "tests/backends/test_held.py"
ATTENTION = "tests/nn/test_attention.py"
DEMANDS = "tests/tasks/translate/test_demands.py"

DECODING_FAULTS = (
    Fault(
        "a search ends at the first hypothesis that is finished",
        "decoding/search.py",
        "(np.where(live, total, -np.inf).max(1) / most > self._bar[sources])",
        "(self._bar[sources] == -np.inf)",
        tests=SEARCH,
        only="goes_on_while",
    ),
    Fault(
        "the length of a hypothesis leaves out its end",
        "decoding/search.py",
        "self._beam.score(total, length + 1, coverage)",
        "self._beam.score(total, max(1, length), coverage)",
        tests=SEARCH,
        only="wide_beam_finds",
    ),
    Fault(
        "the longest length of the first source holds for all",
        "decoding/search.py",
        "length >= self._longest[rows.source]",
        "length >= self._longest[0 * rows.source]",
        tests=SEARCH,
        only="alone_and_in_a_batch or longer_than_it_may",
    ),
    Fault(
        "greedy's own hypothesis is lost where it leaves the beam",
        "decoding/search.py",
        "live[:, -1] = goes_on & ~(live & is_greedy).any(1)",
        "live[:, -1] = False",
        tests=SEARCH,
        only="no_beam_is_worse",
    ),
    Fault(
        "attention is that of whatever stands in a row at the end",
        "decoding/search.py",
        "zip(self._looks, reversed(path), strict=False)",
        "zip(self._looks, path, strict=False)",
        tests=SEARCH,
        only="attention_of_a_hypothesis",
    ),
    Fault(
        "the state of the first beginning goes on for all",
        "decoding/search.py",
        "self._writer.select(state, before)",
        "self._writer.select(state, before.clamp(max=0))",
        tests=SEARCH,
        only="wide_beam_finds",
    ),
    Fault(
        "the likeliest units are looked for in too few pieces",
        "decoding/likeliest.py",
        "amax(2).topk(most, dim=1)",
        "amax(2).topk(most - 1, dim=1)",
        tests=SEARCH,
        only="likeliest_of_many",
    ),
    Fault(
        "the units behind the last piece are never the likeliest",
        "decoding/likeliest.py",
        "places = torch.cat([places, rest], 1)",
        "places = torch.cat([places, rest[:, :0]], 1)",
        tests=SEARCH,
        only="likeliest_of_many",
    ),
    Fault(
        "a required phrase may be broken off",
        "decoding/constraints.py",
        "if written + 1 == len(phrases[number]):",
        "if written + 1 >= len(phrases[number]) - 1:",
        tests=SEARCH,
        only="required_phrases",
    ),
    Fault(
        "the last unit of a prefix may be another",
        "decoding/constraints.py",
        "[prefix[mark.written]] if mark.written < len(prefix)",
        "[prefix[mark.written]] if mark.written + 1 < len(prefix)",
        tests=SEARCH,
        only="prefixes_hold or draws_keep",
    ),
    Fault(
        "a phrase that is excluded is seen a unit too late",
        "decoding/constraints.py",
        "mark.last[len(mark.last) + 1 - len(phrase) :] == phrase[:-1]",
        "mark.last[len(mark.last) - len(phrase) :] == phrase",
        tests=SEARCH,
        only="excluded_phrases",
    ),
    Fault(
        "min-p is a share of all, not of the likeliest",
        "decoding/sampling.py",
        "kept >= self.min_p * kept[0]",
        "kept >= self.min_p",
        tests=SAMPLING,
        only="min_p",
    ),
    Fault(
        "every query reads the memory of its own number",
        "nn/attention.py",
        "places = rows if self.places is None else self.places[rows]",
        "places = None",
        tests=ATTENTION,
        only="choice_of_examples",
    ),
    Fault(
        "held weights are those of the first layer",
        "backends/held.py",
        "key = (what, own)",
        "key = what",
        tests=HELD,
        only="never_kept or a_held_layer",
    ),
    Fault(
        "the last rows of a large product are never computed",
        "backends/llvm/emit/product.py",
        "code.smaller(code.b.sub(rows, top), code.number(ROWS))",
        "code.smaller(code.b.sub(rows, top), code.number(ROWS - 1))",
        tests=HELD,
        only="any_number_of_rows or large_product",
    ),
    Fault(
        "an unknown word is replaced by the word of its own place",
        "tasks/translate/model.py",
        "hypothesis.attention[: len(hypothesis.units)].argmax(1).tolist()",
        "list(range(len(hypothesis.units)))",
        tests=DEMANDS,
        only="unknown_words_are_replaced",
    ),
    Fault(
        "draws depend on how many texts come before",
        "tasks/translate/model.py",
        "hash_example(str(seed), texts[i]) >> 1",
        "seed + i",
        tests=DEMANDS,
        only="seed_and_the_text",
    ),
)
