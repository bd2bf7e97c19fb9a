"""Write, for each model of `every_recipe`, data of the same kind with something new in them: words, classes, series."""

import shutil
from pathlib import Path

import numpy as np

from answerable import write_genome, write_images, write_reviews, write_series, write_sounds, write_table
from captionable import write_set
from every_recipe import BOOK
from forecastable import write_sales
from playable import write_songs
from speakable import write_speech
from taggable import write_conllu, write_folder

DATA = {
    "character": ("book.txt",),
    "word": ("book.txt",),
    "subword": ("book.txt",),
    "names": ("names",),
    "text": ("r.csv",),
    "table": ("t.csv",),
    "series": ("s.npz",),
    "genome": ("boxed.fa", "plain.fa"),
    "sound": ("sound",),
    "images": ("images",),
    "rows": ("images",),
    "words": ("w.conllu",),
    "chunks": ("chunks",),
    "sales": ("sales.csv",),
    "music": ("songs",),
    "pairs": ("pairs.tsv",),
    "captions": ("pictures/captions.csv", "pictures/features.npz"),
    "speech": ("speech.csv",),
}
"""The files that :func:`every_recipe.subjects` writes, by the name of the model."""


def write_grown(name: str, folder: Path) -> list[Path]:
    """Write data for a model into an empty folder; return their paths."""
    return WRITERS[name](folder)


def _book(folder, new="ä9 gnu"):
    path = folder / "book.txt"
    path.write_text(BOOK.replace("mat", new) + BOOK)
    return [path]


def _names(folder):
    names = folder / "names"
    names.mkdir()
    for kind, text in (("Czech", "Dvořák\nNovák\nHus\n" * 9), ("Irish", "Nolan\nDoyle\nAhern\n" * 9)):
        (names / f"{kind}.txt").write_text(text)
    return [names]


def _reviews(folder):
    path = write_reviews(folder / "r.csv", 24, seed=2)
    more = "".join(f"x{number},Ärger über ein Lied und our dinner,fair\n" for number in range(9))
    path.write_text(path.read_text().replace("film", "movie") + more)
    return [path]


def _table(folder):
    path = write_table(folder / "t.csv", 40, seed=2)
    path.write_text(path.read_text().replace("red", "amber", 8))
    return [path]


def _series(folder):
    path = write_series(folder / "s.npz", 40, seed=2)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["y"] = np.where(np.arange(len(arrays["y"])) % 4 == 0, "a bend", arrays["y"])
    np.savez(path, **arrays)
    return [path]


def _genome(folder):
    paths = write_genome(folder, 9, seed=2)
    other = folder / "a.fa"
    other.write_text("".join(f">n{number}\n{'ACGTN' * 5}{'ACGNT'[number % 5] * 5}\n" for number in range(9)))
    return [*paths, other]


def _folders(write, count):
    """Return a function that writes a folder with a third class, whose files are half of those of the second."""

    def make(folder):
        found = write(folder / "data", count, seed=2)
        (found / "another").mkdir()
        *_, last = sorted(one for one in found.iterdir())
        for file in sorted(last.iterdir())[::2]:
            shutil.move(file, found / "another" / file.name)
        return [found]

    return make


def _words(folder):
    path = write_conllu(folder / "w.conllu", 24, seed=5)
    path.write_text(path.read_text().replace("\tdog\tdog\tNOUN", "\tÖtzi\tÖtzi\tPROPN"))
    return [path]


def _chunks(folder):
    path = write_folder(folder / "chunks", 24, seed=5)
    (path / "seq.in").write_text((path / "seq.in").read_text().replace("rome", "ålesund"))
    (path / "label").write_text((path / "label").read_text().replace("fare", "a price", 3))
    return [path]


def _pairs(folder):
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{number:b}!\t{number:o}.\n" for number in range(40, 80)))
    return [path]


def _captions(folder):
    table, pictures = write_set(folder, 14, seed=2)
    table.write_text(table.read_text().replace("square", "ancient rug"))
    return [table, pictures]


def _speech(folder):
    path = write_speech(folder / "speech.csv", 12, seed=2)
    head, _, rows = path.read_text().partition("\n")
    path.write_text(f"{head}\n" + "".join(f"{_spell(row)}\n" for row in rows.splitlines()))
    return [path]


def _spell(row):
    sound, text, speaker = row.split(",")
    return ",".join([sound, text.replace("d", "'e"), speaker])


WRITERS = {
    "character": _book,
    "word": _book,
    "subword": _book,
    "names": _names,
    "text": _reviews,
    "table": _table,
    "series": _series,
    "genome": _genome,
    "sound": _folders(write_sounds, 12),
    "images": _folders(write_images, 12),
    "rows": _folders(write_images, 12),
    "words": _words,
    "chunks": _chunks,
    "sales": lambda folder: [write_sales(folder / "sales.csv", 60, columns=3)],
    "music": lambda folder: [write_songs(folder / "songs", 4, bars=1, lowest=55)],
    "pairs": _pairs,
    "captions": _captions,
    "speech": _speech,
}
