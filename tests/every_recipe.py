"""Train one tiny model of every recipe and kind of input, with the commands that ask it."""

from pathlib import Path

from answerable import write_genome, write_images, write_reviews, write_series, write_sounds, write_table
from captionable import write_set
from damaged_models import Subject
from elman.tasks import caption, classify, compose, forecast, generate, tag, transcribe, translate
from forecastable import write_sales
from playable import write_songs
from speakable import write_speech
from taggable import write_conllu, write_folder

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 8
_SMALL = {"hidden": 3, "epochs": 1, "quiet": True}


def subjects(folder: Path) -> list[Subject]:
    """Train them; files are written to a folder that is empty."""
    return [*_language(folder), *_classifiers(folder), *_others(folder), *_writers(folder)]


def _language(folder: Path) -> list[Subject]:
    book = folder / "book.txt"
    book.write_text(BOOK)
    found = []
    for unit in ("character", "word", "subword"):
        path = folder / f"{unit}.model"
        more = {"vocabulary": 262} if unit == "subword" else {}
        generate.train(book, output=path, unit=unit, window=7, batch=2, embedding=3, **more, **_SMALL)
        ask = (["evaluate", "MODEL", str(book), "--json"], ["generate", "MODEL", "--seed", "1", "--length", "9"])
        found.append(Subject(unit, path, ask))
    names = folder / "names"
    names.mkdir()
    for kind, text in (("Greek", "Alexis\nStavros\nNikos\n" * 9), ("Irish", "Nolan\nDoyle\nAhern\n" * 9)):
        (names / f"{kind}.txt").write_text(text)
    path = folder / "names.model"
    generate.train(names, output=path, window=7, batch=2, embedding=3, **_SMALL)
    return [*found, Subject("names", path, (["generate", "MODEL", "--seed", "1", "--given", "Irish"],))]


def _classifiers(folder: Path) -> list[Subject]:
    made = {
        "text": ([write_reviews(folder / "r.csv", 20)], {"target": "label", "input": "text"}),
        "table": ([write_table(folder / "t.csv", 20)], {"target": "price"}),
        "series": ([write_series(folder / "s.npz", 20)], {"cell": "gru"}),
        "genome": (write_genome(folder, 6), {"kmer": 2, "convolution": True}),
        "sound": ([write_sounds(folder / "sound", 4)], {"mels": 8, "coefficients": 4, "convolution": True}),
        "images": ([write_images(folder / "images", 5)], {"read": "permuted", "longest_side": 5}),
        "rows": ([folder / "images"], {"longest_side": 6, "cell": "elman"}),
    }
    found = []
    for name, (data, options) in made.items():
        path, files = folder / f"{name}.model", [str(one) for one in data]
        classify.train(data, output=path, batch=4, embedding=3, compare=False, **options, **_SMALL)
        found.append(Subject(name, path, (["evaluate", "MODEL", *files, "--json"], ["predict", "MODEL", *files])))
    return found


def _others(folder: Path) -> list[Subject]:
    words, parts = write_conllu(folder / "w.conllu", 20), write_folder(folder / "chunks", 20)
    small = {"letter_hidden": 3, "letter_embedding": 3, "embedding": 3, "batch": 4, "compare": False, **_SMALL}
    tag.train(words, output=folder / "words.model", **small)
    tag.train(parts, output=folder / "chunks.model", **small)
    sales = write_sales(folder / "sales.csv", 60, columns=2)
    forecast.train(
        sales, output=folder / "sales.model", horizon=4, lookback=8, batch=16, calendar=True, validation=15, **_SMALL
    )
    cases = (("words", words), ("chunks", parts), ("sales", sales))
    songs, music = write_songs(folder / "songs", 3, bars=1), folder / "music.model"
    compose.train(songs, output=music, embedding=3, note_hidden=3, batch=2, compare=False, **_SMALL)
    ask = (["evaluate", "MODEL", str(songs), "--json"], ["compose", "MODEL", "--seed", "1", "--bars", "1", "--tab"])
    return [
        *(
            Subject(
                name,
                folder / f"{name}.model",
                (["evaluate", "MODEL", str(data), "--json"], ["predict", "MODEL", str(data)]),
            )
            for name, data in cases
        ),
        Subject("music", music, ask),
    ]


def _writers(folder: Path) -> list[Subject]:
    pairs = folder / "pairs.tsv"
    pairs.write_text("".join(f"{number:b}\t{number:o}\n" for number in range(8, 40)))
    small = {"embedding": 3, "batch": 4, "compare": False, **_SMALL}
    translate.train(pairs, output=folder / "pairs.model", unit="character", **small)
    drawn = folder / "pictures"
    drawn.mkdir()
    captions, pictures = map(str, write_set(drawn, 12))
    caption.train([captions, pictures], output=folder / "captions.model", **small)
    speech = write_speech(folder / "speech.csv", 10)
    transcribe.train(speech, output=folder / "speech.model", batch=4, channels=2, mels=8, compare=False, **_SMALL)
    cases = (
        ("pairs", [pairs], [pairs]),
        ("captions", [captions, pictures], [pictures]),
        ("speech", [speech], [speech.with_suffix("") / "000.wav"]),
    )
    return [
        Subject(
            name,
            folder / f"{name}.model",
            (["evaluate", "MODEL", *map(str, right), "--json"], ["predict", "MODEL", *map(str, data)]),
        )
        for name, right, data in cases
    ]
