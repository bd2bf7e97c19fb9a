"""Both strands of DNA: letters by a table of pairs, sequences by hand, and the answer that reads both."""

import random

import pytest
import torch

from elman import cells
from elman.data.dataset import Columns, Example
from elman.encoders.encoder import learn_encoder, read_encoder
from elman.encoders.growing import grow_encoder
from elman.encoders.settings import InputSettings
from elman.encoders.strands import Strands, reverse_complement
from elman.errors import ConfigError, DataError
from elman.models.layers import Layers
from elman.tasks.classify.module import SequenceClassifier
from elman.vocabulary.growth import Growth
from elman.vocabulary.tally import BETWEEN, FIRST, UNKNOWN
from tolerances import assert_close

COLUMNS = Columns({"sequence": "letters"})
PAIRS = dict(
    zip("A C G T R Y S W K M B D H V N".split(), "T G C A Y R S W M K V H D B N".split(), strict=True)  # noqa: SIM905
)
MEANS = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT"}
MEANS |= {"V": "ACG", "N": "ACGT"}


def letters(text: str) -> Example:
    return Example({"sequence": text}, "a", "here")


def learn(*found: str, **options):
    return learn_encoder(COLUMNS, map(letters, found), InputSettings(both_strands=True, **options))


def other(text: str) -> str:
    return "".join(PAIRS[letter] for letter in reversed(text))


def numbers(encoder, text: str) -> list[int]:
    return encoder.encode(letters(text))[:, 0].tolist()


def test_a_code_of_several_bases_stands_for_their_complements():
    for code, bases in MEANS.items():
        assert set(MEANS[reverse_complement(code)]) == {PAIRS[base] for base in bases}
    text = "".join(random.Random(1).choices(list(PAIRS), k=97))
    assert reverse_complement(text) == other(text)
    assert reverse_complement(reverse_complement(text)) == text


@pytest.mark.parametrize("kmer", [1, 2, 3])
def test_the_other_strand_is_the_sequence_of_its_letters(kmer):
    encoder = learn("ACCTGACCNGT", "GGRT", kmer=kmer)
    read = ["ACGTTGACCA", "TTRACGG", "GGT", "TNA"]
    rows = [encoder.encode(letters(text)) for text in read]
    lengths = torch.tensor([len(row) for row in rows])
    steps = torch.nn.utils.rnn.pad_sequence(rows)
    turned = Strands(encoder.complements).other(steps, lengths)
    for place, text in enumerate(read):
        assert turned[: lengths[place], place, 0].tolist() == numbers(encoder, other(text))
        assert (turned[lengths[place] :, place] == 0).all()
    whole = Strands(encoder.complements).other(rows[0][:, None], None)
    assert whole[:, 0, 0].tolist() == numbers(encoder, other(read[0]))


def test_each_known_unit_has_a_known_complement_and_what_is_none_stays():
    encoder = learn("AACCC", "ACG", kmer=2)
    assert set(encoder.known) == {"AA", "AC", "CC", "CG", "TT", "GT", "GG"}
    assert len(encoder.known) == 7
    assert encoder.complements[:FIRST] == (0, UNKNOWN, BETWEEN)
    assert sorted(encoder.complements) == list(range(7 + FIRST))
    assert "both strands are read" in encoder.describe()
    assert read_encoder(encoder.to_dict()) == encoder
    plain = learn_encoder(COLUMNS, [letters("AACCC")], InputSettings(kmer=2))
    assert plain.complements == ()
    assert "both_strands" not in plain.to_dict()


def test_what_a_grown_encoder_knows_has_complements_too():
    encoder, settings = learn("AACCC", kmer=2), InputSettings(both_strands=True, kmer=2)
    grown = grow_encoder(encoder, COLUMNS, [letters("ACGA")], settings, Growth())
    assert grown.known[: len(encoder.known)] == encoder.known
    assert {other(unit) for unit in grown.known} == set(grown.known)
    assert UNKNOWN not in grown.complements[FIRST:]


@pytest.mark.parametrize("text", ["MKVLAAGIVGLC", "ACGUACGU"])
def test_letters_that_are_no_dna_are_refused(text):
    with pytest.raises(DataError, match=r"both_strands is for DNA .* have (E|U|I|F)?.*Drop both_strands"):
        learn("ACGT", text, kmer=2)


def test_two_columns_and_other_kinds_are_refused():
    columns = Columns({"left": "letters", "right": "letters"})
    with pytest.raises(ConfigError, match=r"both_strands is given, and left, right are read together"):
        learn_encoder(columns, [], InputSettings(both_strands=True))
    with pytest.raises(ConfigError, match=r"both_strands is True, which is for letters"):
        learn_encoder(Columns({"text": "text"}), [], InputSettings(both_strands=True))


def some_module(encoder, **options) -> SequenceClassifier:
    torch.manual_seed(5)
    return SequenceClassifier(
        cells.gru,
        Layers(hidden=7, bidirectional=True),
        front=encoder.front,
        outputs=3,
        embedding=5,
        complements=encoder.complements,
        pooling="mean",
        **options,
    ).double()


@pytest.mark.parametrize("convolution", [False, True])
def test_the_answer_is_the_mean_over_both_strands_bit_by_bit_alone_and_in_a_batch(convolution):
    encoder = learn("ACGTTGACCAG", "GGCAT", kmer=2, convolution=convolution)
    module = some_module(encoder, covariates=2).eval()
    texts = ["ACGTTGACCA", "TTAACGG", "GGT", "TG", "CCGATTA"]
    beside = torch.randn(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def answer(read: list[str], covariates: torch.Tensor, model: SequenceClassifier = module) -> torch.Tensor:
        rows = [encoder.encode(letters(text)) for text in read]
        with torch.no_grad():
            return model(torch.nn.utils.rnn.pad_sequence(rows), torch.tensor([len(row) for row in rows]), covariates)

    one = some_module(encoder, covariates=2).eval()
    one.strands = None
    found = answer(texts, beside)
    both = [answer(list(map(way, texts)), beside, one) for way in (str, other)]
    assert_close("the mean", found, (both[0] + both[1]) / 2)
    assert not torch.allclose(both[0], both[1])
    assert found.equal(answer(list(map(other, texts)), beside))
    for place, text in enumerate(texts):
        assert answer([text], beside[place : place + 1]).equal(found[place : place + 1])


def test_in_training_each_example_is_read_from_one_strand_that_is_drawn():
    encoder = learn("ACGTTGACCAG", "GGCAT", kmer=1)
    module, steps = some_module(encoder, word_dropout=0.0).train(), encoder.encode(letters("ACGGTTGAC"))
    one = some_module(encoder).eval()
    one.strands = None
    forward, back = (one(given[:, None]) for given in (steps, encoder.encode(letters(other("ACGGTTGAC")))))
    torch.manual_seed(2)
    found = module(steps[:, None].expand(-1, 400, -1), torch.full((400,), len(steps)))
    is_forward = ((found - forward).abs() < 1e-9).all(1)
    is_back = ((found - back).abs() < 1e-9).all(1)
    assert (is_forward ^ is_back).all()
    assert 0.4 < is_back.double().mean() < 0.6
