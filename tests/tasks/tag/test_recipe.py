"""Train taggers on sentences whose tags follow a rule, and hold their layers to what they promise."""

import itertools

import pytest
import torch

from elman import cells
from elman.data.sentences.opening import open_tagged
from elman.errors import ConfigError, DataError
from elman.models.layers import Layers
from elman.nn import LSTM
from elman.tasks import tag
from elman.tasks.tag.baseline import train_tag_baseline
from elman.tasks.tag.batches import answer_sentences
from elman.tasks.tag.encoder import learn_tag_encoder
from elman.tasks.tag.model import as_sentences
from elman.tasks.tag.module import NO_TAG, SequenceTagger, Speller, drop_words
from elman.tasks.tag.scores import score_tags
from elman.tasks.tag.targets import TagTargets
from taggable import make_chunks, make_sentences, write_columns, write_conllu, write_folder

OPTIONS = {
    "hidden": 11, "letter_hidden": 5, "batch": 8, "epochs": 6, "learning_rate": 0.02, "dropout": 0.1,
    "input_dropout": 0.0, "quiet": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def parts_of_speech(tmp_path_factory):
    """Train one model; tests read it and do not change it."""
    folder = tmp_path_factory.mktemp("speech")
    return tag.train(write_conllu(folder / "a.conllu.gz", 120), output=folder / "m", **OPTIONS), folder / "m"


@pytest.fixture(scope="module")
def trips(tmp_path_factory):
    """Train one model of chunks and labels."""
    folder = tmp_path_factory.mktemp("trips")
    write_folder(folder / "d", 120)
    write_folder(folder / "v", 40, seed=5)
    return tag.train(folder / "d", validation_data=str(folder / "v"), output=folder / "m", **OPTIONS), folder


def test_a_tagger_learns_what_needs_the_sentence(parts_of_speech):
    model, _ = parts_of_speech
    sentences, tags = zip(*make_sentences(40, seed=8), strict=True)
    assert model.predict(sentences) == list(tags)
    found = model.metrics
    assert found["validation"]["accuracy"] == 1.0
    assert found["most_frequent"]["accuracy"] < 1.0
    assert found["baseline"]["accuracy"] < 1.0
    assert found["verdict"].startswith("Order matters: accuracy 100.0%")
    assert "The most frequent tag of each word reaches" in found["verdict"]


def test_a_tagger_is_the_same_after_it_was_read_from_its_file(parts_of_speech):
    model, path = parts_of_speech
    again = tag.load(path)
    words = [["the", "Unknown", "light"], ["so"]]
    assert again.predict(words) == model.predict(words)
    assert again.metrics == model.metrics
    assert (again.layout, again.encoder, again.targets) == (model.layout, model.encoder, model.targets)


def test_the_same_seed_gives_the_same_file(tmp_path):
    path = write_conllu(tmp_path / "a.conllu", 30)
    for name in ("m", "n"):
        tag.train(path, output=tmp_path / name, compare=False, **{**OPTIONS, "epochs": 2})
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()


def test_chunks_are_chosen_by_a_crf_and_labels_are_learnt_with_them(trips):
    model, folder = trips
    assert model.module.chain is not None
    assert model.targets.scheme == "iob2"
    found = make_chunks(30, seed=9)
    words = [one for one, _, _ in found]
    assert model.predict_labels(words) == [label for _, _, label in found]
    scores = model.evaluate(open_tagged([folder / "v"]))
    assert scores.f1 > 0.95
    assert scores.label_accuracy == 1.0
    assert "always" in model.metrics["verdict"]


def test_tags_and_labels_that_were_never_seen_count_as_wrong(trips):
    model, _ = trips
    found = as_sentences([["fly", "to", "rome"]], [["O", "O", "B-planet"]], ["dance"])
    scores = model.evaluate(found)
    assert (scores.right, scores.chunks.there, scores.label_accuracy) == (2, 1, 0.0)


def test_a_search_keeps_the_best_and_says_what_it_chose(tmp_path):
    pytest.importorskip("optuna", reason="search needs it")
    path = write_columns(tmp_path / "a.conll", 40)
    small = {"embedding": 5, "letter_hidden": 5, "epochs": 1, "batch": 8, "quiet": True, "compare": False}
    model = tag.train(path, search=3, **small, hidden=5)
    assert model.metrics["search"]["trials"] == 3
    assert "hidden" not in model.metrics["search"]["chosen"]


def test_a_time_budget_ends_a_training(tmp_path):
    path = write_columns(tmp_path / "a.conll", 40)
    model = tag.train(path, time_budget="1s", hidden=5, letter_hidden=3, quiet=True, compare=False)
    assert model.stopped == "time budget"
    assert model.seconds < 20


def test_letters_tell_words_apart_that_are_not_known(parts_of_speech):
    model, _ = parts_of_speech
    few = model.encode(as_sentences([["liked"], ["Dogs"]]))
    said = [model.module(batch.steps, batch.lengths).emissions for batch in few.batches(2)]
    assert not torch.equal(said[0][:, 0], said[0][:, 1])


@pytest.mark.parametrize("cell", ["elman", "gru", "mgu"])
def test_any_cell_reads_words_and_letters(cell):
    tagger = SequenceTagger(
        cells.find(cell), Layers(hidden=5, layers=2, bidirectional=True), words=7, letters=5, tags=3, labels=2
    )
    steps = torch.randint(1, 5, (5, 3, 4), generator=torch.Generator().manual_seed(1))
    said = tagger(steps, torch.tensor([5, 2, 4]))
    assert said.emissions.shape == (5, 3, 3)
    assert said.labels.shape == (3, 2)
    said.emissions.sum().backward()
    assert all(layer.parameters() for layer in tagger.layers_that_recur)


def test_the_speller_reads_every_word_as_an_lstm_of_torch_does():
    torch.manual_seed(3)
    speller = Speller(cells.find("lstm"), letters=9, embedding=5, hidden=7)
    letters = torch.randint(1, 9, (3, 2, 6))
    letters[0, 0, 2:] = 0
    letters[2, 1] = letters[0, 1]  # read once
    found = speller(letters)
    alone = LSTM(5, 7, bidirectional=True)
    for name, value in alone.named_parameters():
        source = name.replace("weight_ih", "W").replace("weight_hh", "U").replace("bias_ih", "b")
        own = dict(speller.recurrent.named_parameters())
        value.data = own[source].data if source in own else torch.zeros_like(value)
    reference = torch.nn.LSTM(5, 7, bidirectional=True)
    reference.load_state_dict(alone.state_dict())
    for t in range(3):
        for b in range(2):
            length = int((letters[t, b] != 0).sum())
            _, (h, _) = reference(speller.embedding(letters[t, b, :length]))
            torch.testing.assert_close(found[t, b], h.flatten(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("crf", [False, True])
def test_padding_and_neighbours_change_no_loss_and_no_answer(crf):
    torch.manual_seed(2)
    tagger = SequenceTagger(
        cells.find("gru"), Layers(hidden=7, bidirectional=True), words=11, letters=7, tags=5, labels=2, crf=crf
    ).eval()
    steps = torch.randint(1, 7, (7, 3, 4))
    lengths = torch.tensor([7, 2, 5])
    tags = torch.randint(5, (7, 3))
    real = torch.arange(7)[:, None] < lengths
    steps, tags = steps * real.unsqueeze(2), tags.masked_fill(~real, NO_TAG)
    together = tagger(steps, lengths)
    total = torch.zeros(())
    for b, length in enumerate(lengths.tolist()):
        alone = tagger(steps[:length, b : b + 1], lengths[b : b + 1])
        torch.testing.assert_close(together.emissions[:length, b], alone.emissions[:, 0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(together.labels[b], alone.labels[0], rtol=1e-5, atol=1e-6)
        found = tagger.tag_loss(alone.emissions, tags[:length, b : b + 1], lengths[b : b + 1])
        total = total + found * length
        best = tagger.best(together.emissions, lengths)[:length, b]
        assert torch.equal(best, tagger.best(alone.emissions, lengths[b : b + 1])[:, 0])
    loss = tagger.tag_loss(together.emissions, tags, lengths)
    torch.testing.assert_close(loss, total / lengths.sum(), rtol=1e-5, atol=1e-6)


def test_words_are_dropped_by_how_often_they_occur():
    steps = torch.tensor([3, 4, 0, 1]).repeat(5000)[:, None, None].expand(-1, 1, 3)
    counts = torch.tensor([0.0, 0.0, 0.0, 1.0, 9.0])
    found = drop_words(steps, counts, 0.2, torch.Generator().manual_seed(1))
    share = (found[:, 0, 0] != steps[:, 0, 0]).view(-1, 4).double().mean(0)
    assert share.tolist() == pytest.approx([0.2, 0.25 / 9.25, 0, 0], abs=0.015)
    assert torch.equal(found[..., 1:], steps[..., 1:])


def test_shuffled_answers_come_back_in_their_order(parts_of_speech):
    model, _ = parts_of_speech
    words = [["the", "Fish", "sees", "a", "dog"]] * 3
    found = answer_sentences(model.module, model.encode(as_sentences(words)), shuffled=torch.Generator().manual_seed(4))
    # Verbs are recognised by the word alone, wherever it is.
    assert all(tags[2] == "VERB" for tags in found.tags)


def test_shuffled_words_keep_their_tags(parts_of_speech):
    model, _ = parts_of_speech
    few = model.encode(as_sentences(*zip(*make_sentences(20, seed=8), strict=True)))

    def pairs(batches):
        many = [(one.steps[..., 0].flatten().tolist(), one.tags.flatten().tolist()) for one in batches]
        return sorted(pair for words, tags in many for pair in zip(words, tags, strict=True))

    assert pairs(few.batches(7, shuffled=torch.Generator().manual_seed(4))) == pairs(few.batches(7))


def test_long_words_are_read_at_both_ends():
    encoder = learn_tag_encoder([["abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"]], letters=True, min_count=1)
    read = encoder.encode(["abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", "abcdefghijklXXXXXXyzABCDEFGHIJ"])
    assert read.shape == (2, 25)
    assert torch.equal(read[0, 1:], read[1, 1:])


def test_scores_count_words_sentences_and_unknown_words():
    scores = score_tags(
        [("A", "B"), ("A",)], [("A", "A"), ("A",)], known=[(True, False), (False,)],
        labels=["x", None], predicted_labels=["y", "x"],
    )  # fmt: skip
    assert (scores.words, scores.right, scores.whole, scores.unknown, scores.unknown_right) == (3, 2, 1, 2, 1)
    assert (scores.labelled, scores.label_accuracy) == (1, 0.0)
    assert scores.confused == (("B", "A", 1),)
    assert scores.per_tag[0].precision == 2 / 3
    assert scores.per_tag[1].precision is None


def test_the_baseline_sees_a_word_and_its_letters_and_nothing_else():
    sentences = as_sentences(*zip(*make_sentences(80), strict=True))
    targets = TagTargets.learn(sentences, labelled=False, scheme=None)
    found = train_tag_baseline(sentences, targets, seed=1, seconds=600)
    assert found.all_tags(as_sentences([["the", "light"]])) == [found.usual_tags(("the", "light"))]
    assert found.all_tags(as_sentences([["dogs"]])) == [("NOUN",)]
    assert found.finished
    again = train_tag_baseline(sentences, targets, seed=1, seconds=0.0)
    assert not again.finished
    assert again.what.endswith("(cut short)")
    labelled = as_sentences([["a"]] * 4, [["x"], ["y"], ["x"], ["y"]], ["rare", "usual", "usual", None])
    targets = TagTargets.learn(labelled, labelled=False, scheme=None)
    assert train_tag_baseline(labelled, targets, seconds=0.0).label == "usual"


@pytest.mark.parametrize(
    ("words", "tags", "said"),
    [
        ([["a", "b"]] * 4, [["O", "B-x"], ["O", "Q-x"]] * 2, "the tag 'Q-x' is outside the scheme iob2"),
        ([["a"]] * 4, [["O"]] * 4, "have only the tag 'O', so there is nothing to learn"),
        ([["a"]], [["O", "O"]], "sentence 1 has 1 word and 2 tags"),
        ([[]], [[]], "sentence 1 has no words"),
        (["words"], [["O"]], "sentence 1 is one text, 'words'. Give a list of words"),
    ],
)
def test_sentences_that_cannot_be_learnt_from_are_refused(words, tags, said):
    def learn():
        return TagTargets.learn(as_sentences(words, tags), labelled=False, scheme=None)

    with pytest.raises(DataError) as error:
        learn()
    assert said in str(error.value)


def test_a_scheme_that_is_none_takes_any_tag():
    sentences = as_sentences([["a", "b"]] * 2, [["O", "B-x"], ["O", "Q-x"]])
    assert TagTargets.learn(sentences, labelled=False, scheme="none").scheme is None


def test_options_that_contradict_each_other_are_refused(tmp_path):
    path = write_columns(tmp_path / "a.conll", 5)
    with pytest.raises(ConfigError, match="validation and validation_data"):
        tag.train(path, validation=0.1, validation_data="b.conll")
    with pytest.raises(ConfigError, match="Did you mean hidden"):
        tag.train(path, hiden=3)
    with pytest.raises(DataError, match="1 example is too few"):
        tag.train(write_columns(tmp_path / "b.conll", 1), quiet=True)


@pytest.mark.parametrize("crf", [False, True])
def test_the_share_of_a_tag_is_that_of_all_ways_to_tag_the_other_words(crf):
    tagger = SequenceTagger(
        cells.find("gru"), Layers(hidden=5, bidirectional=True), words=9, letters=0, tags=3, crf=crf
    ).double()
    emissions, lengths = torch.randn(4, 2, 3, dtype=torch.float64), torch.tensor([4, 3])
    for b, length in enumerate(lengths.tolist()):
        ways = torch.tensor(list(itertools.product(range(3), repeat=length))).T
        alone = emissions[:length, b : b + 1].expand(-1, ways.shape[1], -1)
        if crf:
            scores = tagger.chain.score(alone, ways, torch.full((ways.shape[1],), length))
        else:
            scores = alone.gather(2, ways[:, :, None]).sum((0, 2))
        for place in range(length):
            places, tags = torch.full((2,), place), torch.tensor([place % 3, place % 3])
            found = tagger.log_share(emissions, lengths, places.minimum(lengths - 1), tags)[b]
            with_it = scores[ways[place] == place % 3].logsumexp(0) - scores.logsumexp(0)
            assert float((found - with_it).detach()) == pytest.approx(0.0, abs=1e-12)


def test_all_tags_outside_the_scheme_are_reported(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("".join(f"so O\ngood {'Q-x' if number in (2, 5) else 'B-x'}\n\n" for number in range(9)))
    with pytest.raises(DataError, match=r"a\.conll line 8: the tag 'Q-x' .* 1 line more is wrong: 17"):
        tag.train(path, scheme="iob2", quiet=True)
