"""Each recipe, cut between two updates and made anew, ends with the same file: run, feed and weights are all."""

import copy

import pytest
import torch

from answerable import write_reviews, write_sounds
from elman.tasks import classify, compose, forecast, generate, tag, transcribe, translate
from elman.tasks.transcribe import recipe as speech_recipe
from elman.training.feed import Feed
from elman.training.loop import Trainer
from forecastable import write_sales
from playable import write_songs
from speakable import write_speech
from taggable import write_conllu

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 20
SMALL = {"hidden": 5, "batch": 4, "epochs": 3, "quiet": True, "zoneout": 0.2, "compare": False}


def write_book(path):
    path.write_text(BOOK)
    return path


def write_pairs(path):
    path.write_text("".join(f"{a} {b} c\t{b} {a}\n" for a in "abcdefg" for b in "abcdef"))
    return path


RECIPES = {
    "generate": (generate, write_book, "a.txt", {"window": 11, "shift_windows": True, "dropout": 0.3}),
    "classify": (classify, write_reviews, "a.csv", {"target": "label", "input": "text", "word_dropout": 0.2}),
    "sounds": (classify, write_sounds, "sounds", {"augment": True, "accumulate": 2, "mels": 8, "coefficients": 4}),
    "tag": (tag, write_conllu, "a.conllu", {"letter_hidden": 3, "word_dropout": 0.2, "accumulate": 5}),
    "forecast": (forecast, write_sales, "a.csv", {"horizon": 3, "lookback": 7, "validation": 20, "optimizer": "sgd"}),
    "translate": (translate, write_pairs, "a.tsv", {"embedding": 3, "dropout": 0.3, "scheduled_sampling": 0.5}),
    "compose": (compose, lambda path: write_songs(path, 9), "songs", {"note_hidden": 3, "window": 20, "dropout": 0.3}),
    "transcribe": (
        transcribe,
        lambda path: write_speech(path, 40),
        "a.csv",
        {"mels": 7, "channels": 5, "layers": 1, "batch": 1, "dropout": 0.3, "average": 0.5},
    ),
}
CUTS = {"tag": 3, "transcribe": 60}
"""Three updates are an epoch of tags, of five batches, five and two. Speech is varied after a validation, at 50."""


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_that_goes_on_ends_with_the_same_file(name, tmp_path, monkeypatch):
    monkeypatch.setattr(speech_recipe, "_LEFT", 1e3)
    recipe, write, file, options = RECIPES[name]
    cut = CUTS.get(name, 13)
    data, kept = write(tmp_path / file), []

    def train(output):
        recipe.train(data, output=tmp_path / output, **{**SMALL, **options})
        return (tmp_path / output).read_bytes()

    feeds, make, first_loss = [], Feed.__init__, Trainer._first_loss

    def make_and_remember(feed, *args):
        make(feed, *args)
        feeds.append(feed)

    def keep_and_go_on(trainer, epoch, run):
        if run.outcome.updates == cut and not kept:
            states = (one.state_dict() for one in (feeds[-1], trainer.module, trainer.optimizer, run))
            kept.extend(copy.deepcopy(list(states)))
        return first_loss(trainer, epoch, run)

    go_on = Trainer.go_on

    def do_the_rest(trainer, run, *others):
        with torch.no_grad():
            for parameter in trainer.module.parameters():
                parameter.fill_(7.0)
        for one, state in zip((feeds[-1], trainer.module, trainer.optimizer, run), kept, strict=True):
            one.load_state_dict(state)
        assert run.outcome.updates == cut
        return go_on(trainer, run, *others)

    monkeypatch.setattr(Feed, "__init__", make_and_remember)
    monkeypatch.setattr(Trainer, "_first_loss", keep_and_go_on)
    whole = train("whole.model")
    monkeypatch.setattr(Trainer, "go_on", do_the_rest)
    assert train("rest.model") == whole
