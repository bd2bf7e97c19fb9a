"""Write small files to train on, made up from a fixed seed, into the current folder: `python examples/make_data.py`.

The README and the pages of the tasks use them:

    reviews.csv    a text and a label: the word after "but" decides, so that the order of the words matters
    trips.conll    a word and a tag a line: "from Rome to Oslo" and "to Rome from Oslo" have other tags
    sales.csv      a number a day, with a week and a trend; on days with an offer it is half as much again
    numbers.tsv    a number in words and in digits
    plots.csv      a plot of land a row: length, width and shape, which have no order

and, to evaluate with, new_reviews.csv, new_trips.conll, later_sales.csv (74 days more, and the 56 before them) and
new_numbers.tsv.
"""

import csv
import math
import random
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

NOUNS = ("film", "story", "cast", "ending", "music", "dialogue")
PRAISE = ("lovely", "charming", "moving", "brilliant", "funny")
BLAME = ("dull", "tedious", "clumsy", "awful", "noisy")
CITIES = ("Rome", "Oslo", "Paris", "Lima", "Delhi", "Cairo", "New York", "Hong Kong", "Cape Town")
DAYS = ("today", "tomorrow", "on Monday", "on Friday")
ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
OPENINGS = ("a train", "the next flight", "show me a bus", "I need a ticket", "is there a ferry")

Row = tuple[Any, ...]


def main() -> None:
    """Write the files."""
    drawn = random.Random(1)  # noqa: S311 - nothing is secret here
    reviews = draw_distinct(draw_review, drawn, 360)
    write_rows("reviews.csv", ("text", "label"), reviews[:300])
    write_rows("new_reviews.csv", ("text", "label"), reviews[300:])
    trips = draw_distinct(draw_trip, drawn, 240)
    write_sentences("trips.conll", trips[:200])
    write_sentences("new_trips.conll", trips[200:])
    sales = draw_sales(drawn, 474)
    coming = [(day, "", offer) for day, _, offer in sales[400:414]]
    write_rows("sales.csv", ("day", "sales", "offer"), sales[:400] + coming)
    write_rows("later_sales.csv", ("day", "sales", "offer"), sales[344:])
    numbers = drawn.sample(range(10_000), 1800)
    write_pairs("numbers.tsv", numbers[:1500])
    write_pairs("new_numbers.tsv", numbers[1500:])
    write_rows("plots.csv", ("length", "width", "shape"), draw_plots(drawn, 200))


def write_rows(name: str, header: Row, rows: Iterable[Row]) -> None:
    """Write a table."""
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_sentences(name: str, sentences: Iterable[Row]) -> None:
    """Write tagged sentences, an empty line between them."""
    blocks = ("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in sentences)
    Path(name).write_text("\n".join(blocks), encoding="utf-8")


def write_pairs(name: str, numbers: Iterable[int]) -> None:
    """Write numbers in words, a tab, and in digits."""
    Path(name).write_text("".join(f"{spell(number)}\t{number}\n" for number in numbers), encoding="utf-8")


def spell(number: int) -> str:
    """Write a number below 10,000 in words."""
    if number < 20:
        return (*ONES, *TEENS)[number]
    for size, word in ((1000, " thousand"), (100, " hundred")):
        if number >= size:
            rest = f" {spell(number % size)}" if number % size else ""
            return f"{spell(number // size)}{word}{rest}"
    return TENS[number // 10 - 2] + (f"-{ONES[number % 10]}" if number % 10 else "")


def draw_distinct(draw: Callable[[random.Random], Row], drawn: random.Random, count: int) -> list[Row]:
    """Draw so many examples, none of them twice."""
    examples: dict[Row, None] = {}
    while len(examples) < count:
        examples[draw(drawn)] = None
    return list(examples)


def draw_review(drawn: random.Random) -> Row:
    """Draw a review and its label."""
    first, second = drawn.sample(NOUNS, 2)
    good = drawn.random() < 0.5
    praise, blame = drawn.choice(PRAISE), drawn.choice(BLAME)
    before, behind = (blame, praise) if good else (praise, blame)
    return f"the {first} was {before} but the {second} was {behind}", "good" if good else "bad"


def draw_trip(drawn: random.Random) -> Row:
    """Draw a question for a trip, each word with its tag."""
    start, end = drawn.sample(CITIES, 2)
    ways = [[("from", "O"), *tag_chunk(start, "from")], [("to", "O"), *tag_chunk(end, "to")]]
    drawn.shuffle(ways)
    opening = [(word, "O") for word in drawn.choice(OPENINGS).split()]
    return *opening, *ways[0], *ways[1], *tag_chunk(drawn.choice(DAYS), "day")


def tag_chunk(text: str, kind: str) -> list[tuple[str, str]]:
    """Tag the words of a chunk: B- at its first, I- at the others."""
    first, *others = text.split()
    return [(first, f"B-{kind}"), *((word, f"I-{kind}") for word in others)]


def draw_plots(drawn: random.Random, count: int) -> list[Row]:
    """Draw plots of land: those whose sides are nearly equal are square."""
    sides = [(round(drawn.uniform(1, 9), 1), round(drawn.uniform(1, 9), 1)) for _ in range(count)]
    return [(long, wide, "square" if abs(long - wide) < 1.5 else "oblong") for long, wide in sides]


def draw_sales(drawn: random.Random, days: int) -> list[Row]:
    """Draw a number a day, and whether there was an offer."""
    rows: list[Row] = []
    for day in range(days):
        offer = drawn.random() < 0.15
        level = 200 + day / 10 + 40 * math.sin(math.tau * day / 7) + drawn.gauss(0, 5)
        rows.append((date(2024, 1, 1) + timedelta(day), round(level * (1.5 if offer else 1.0)), int(offer)))
    return rows


if __name__ == "__main__":
    main()
