"""A classifier of DNA that reads both strands: one answer for a sequence and its reverse complement, wherever asked."""

import random

import pytest

from elman.errors import ConfigError, DataError
from elman.tasks import classify
from elman.tasks.classify.exported import step_graphs
from elman.tasks.classify.streaming import can_stream
from elman.tasks.classify.view import view

SMALL = {"hidden": 17, "batch": 8, "epochs": 4, "dropout": 0.0, "learning_rate": 0.01, "kmer": 2, "quiet": True}
MOTIFS = {"one": "GACGT", "two": "CCATT"}
PAIRS = dict(zip("ACGTN", "TGCAN", strict=True))


def other(text: str) -> str:
    return "".join(PAIRS[letter] for letter in reversed(text))


def write_motifs(path, count: int = 60, seed: int = 1):
    """Plant one of two motifs, always on the strand that is written."""
    drawn, lines = random.Random(seed), ["sequence,kind"]
    for number in range(count):
        kind = list(MOTIFS)[number % 2]
        ends = ["".join(drawn.choices("ACGT", k=drawn.randint(4, 13))) for _ in range(2)]
        lines.append(f"{ends[0]}{MOTIFS[kind]}{ends[1]},{kind}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("motifs")
    path = folder / "m.elman.safetensors"
    classify.train(
        write_motifs(folder / "m.csv"), output=path, both_strands=True, direction="forward", folds=2, **SMALL
    )
    return path


def test_a_sequence_and_its_other_strand_have_one_answer(trained):
    model = classify.load(trained)
    assert len(model.members) == 2
    assert model.baseline is not None
    drawn = random.Random(3)
    texts = ["".join(drawn.choices("ACGTN", k=length)) for length in (1, 2, 7, 31, 12)]
    found = model.probabilities(texts)
    assert found.equal(model.probabilities(list(map(other, texts))))
    assert not found[:1].equal(found[1:2])


def test_the_options_that_it_was_made_with_stay_where_a_training_goes_on(trained, tmp_path):
    more = classify.train(write_motifs(tmp_path / "m.csv", seed=2), from_model=trained, epochs=1, quiet=True)
    assert all(one.encoder.both_strands and one.module.strands is not None for one in more.members)


def test_what_reads_a_step_at_a_time_cannot_read_the_other_strand(trained):
    model = classify.load(trained).alone()
    assert not can_stream(model)
    with pytest.raises(ConfigError, match=r"reads both strands, the other one from its end\. Drop --step"):
        step_graphs(model)


def test_a_look_inside_shows_the_strand_that_is_given(trained, tmp_path):
    found = view(classify.load(trained), [str(write_motifs(tmp_path / "m.csv", 7))])
    assert any("as it is given" in fact for fact in found.facts)
    assert float(found.loss().detach()) > 0


def test_a_protein_is_refused_in_one_line(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("sequence,kind\n" + "MKVLAAGIVGLCAKTQLYPWSERND,a\nQLYPWSERNDMKVLAAGIVGLCAKT,b\n" * 9)
    with pytest.raises(DataError, match=r"both_strands is for DNA .* Drop both_strands\.$"):
        classify.train(path, both_strands=True, **SMALL)
