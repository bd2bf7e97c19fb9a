"""Make sentences whose tags follow a rule that needs the words around, and write them in every form that is read.

A colour that stands in front of another word is an adjective, at the end a noun: `light` alone does not tell.
"""

import gzip
import random
from pathlib import Path

DETERMINERS, NOUNS, VERBS = ("the", "a", "some"), ("dog", "bird", "Fish", "house"), ("sees", "likes", "finds")
BOTH = ("light", "orange", "cold")


def make_sentences(count: int = 60, seed: int = 3) -> list[tuple[list[str], list[str]]]:
    """Return words and tags of sentences."""
    drawn = random.Random(seed)
    made = []
    for _ in range(count):
        words = [(drawn.choice(DETERMINERS), "DET")]
        if drawn.random() < 0.5:
            words.append((drawn.choice(BOTH), "ADJ"))
        words += [(drawn.choice(NOUNS), "NOUN"), (drawn.choice(VERBS), "VERB"), (drawn.choice(DETERMINERS), "DET")]
        words.append((drawn.choice((*BOTH, *NOUNS)), "NOUN"))
        made.append(([word for word, _ in words], [tag for _, tag in words]))
    return made


def make_chunks(count: int = 60, seed: int = 3) -> list[tuple[list[str], list[str], str]]:
    """Return words, tags of chunks, and a label of sentences about travels."""
    drawn = random.Random(seed)
    cities = (["york"], ["new", "york"], ["san", "jose"], ["rome"])
    made = []
    for _ in range(count):
        fly = drawn.random() < 0.5
        words, tags = ["fly" if fly else "prices"], ["O"]
        for preposition in ("from", "to"):
            city = drawn.choice(cities)
            words += [preposition, *city]
            tags += ["O", f"B-{preposition}", *[f"I-{preposition}"] * (len(city) - 1)]
        made.append((words, tags, "flight" if fly else "fare"))
    return made


def write_conllu(path: Path, count: int = 60, seed: int = 3) -> Path:
    """Write CoNLL-U, packed where the name ends in `.gz`; comments, a range and an empty node are there."""
    lines = []
    for number, (words, tags) in enumerate(make_sentences(count, seed)):
        lines += [f"# sent_id = {number}", f"# mood = {'odd' if number % 2 else 'even'}"]
        lines.append("1-2\tboth" + "\t_" * 8)
        for index, (word, tag) in enumerate(zip(words, tags, strict=True), start=1):
            lines.append(f"{index}\t{word}\t{word}\t{tag}\t{tag.lower()}" + "\t_" * 5)
        lines += ["6.1\tnothing" + "\t_" * 8, ""]
    raw = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def write_columns(path: Path, count: int = 60, seed: int = 3, between: str = " ") -> Path:
    """Write a word and its tag a line."""
    blocks = [
        "\n".join(f"{word}{between}{tag}" for word, tag in zip(words, tags, strict=True))
        for words, tags in make_sentences(count, seed)
    ]
    path.write_text("\n\n".join(blocks) + "\n")
    return path


def write_folder(path: Path, count: int = 60, seed: int = 3) -> Path:
    """Write a folder with seq.in, seq.out and label."""
    path.mkdir()
    found = make_chunks(count, seed)
    (path / "seq.in").write_text("".join(" ".join(words) + "\n" for words, _, _ in found))
    (path / "seq.out").write_text("".join(" ".join(tags) + "\n" for _, tags, _ in found))
    (path / "label").write_text("".join(label + "\n" for _, _, label in found))
    return path
