"""Trainings that take a second, of every recipe: what is written, what is trained, and with which options."""

from answerable import write_reviews, write_sounds
from captionable import write_set
from elman.tasks import caption, classify, compose, forecast, generate, tag, transcribe, translate
from forecastable import write_sales
from playable import write_songs
from speakable import write_speech
from taggable import write_conllu

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 20
SMALL = {"hidden": 5, "batch": 4, "epochs": 3, "quiet": True, "zoneout": 0.2, "compare": False}


def write_book(path):
    """Write a text."""
    path.write_text(BOOK)
    return path


def write_pairs(path):
    """Write a table of pairs."""
    path.write_text("".join(f"{a} {b} c\t{b} {a}\n" for a in "abcdefg" for b in "abcdef"))
    return path


def write_captions(path):
    """Write captions, with the features that they are of beside them."""
    path.parent.mkdir(exist_ok=True)
    return list(write_set(path.parent, 40))


RECIPES = {
    "generate": (generate, write_book, "a.txt", {"window": 11, "shift_windows": True, "dropout": 0.3}),
    "classify": (classify, write_reviews, "a.csv", {"target": "label", "input": "text", "word_dropout": 0.2}),
    "sounds": (classify, write_sounds, "sounds", {"augment": True, "accumulate": 2, "mels": 8, "coefficients": 4}),
    "tag": (tag, write_conllu, "a.conllu", {"letter_hidden": 3, "word_dropout": 0.2, "accumulate": 5}),
    "forecast": (forecast, write_sales, "a.csv", {"horizon": 3, "lookback": 7, "validation": 20, "optimizer": "sgd"}),
    "translate": (translate, write_pairs, "a.tsv", {"embedding": 3, "dropout": 0.3, "scheduled_sampling": 0.5}),
    "compose": (compose, lambda path: write_songs(path, 9), "songs", {"note_hidden": 3, "window": 20, "dropout": 0.3}),
    "caption": (caption, write_captions, "captions/captions.csv", {"embedding": 3, "dropout": 0.3}),
    "transcribe": (
        transcribe,
        lambda path: write_speech(path, 40),
        "a.csv",
        {"mels": 7, "channels": 5, "layers": 1, "batch": 1, "dropout": 0.3, "average": 0.5},
    ),
}
CUTS = {"tag": 3, "transcribe": 60}
"""Three updates are an epoch of tags, of five batches, five and two. Speech is varied after a validation, at 50."""
