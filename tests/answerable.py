"""Write small data that a sequence model learns in seconds, one file or folder for each kind of input.

What tells the classes apart is the order of the steps where that is possible, so that a model must read them.
"""

import csv
import datetime as dt
import random
import wave
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

SUBJECTS = ("the film", "this book", "our dinner", "her song", "that play", "his joke", "the concert", "my trip")
GRAVE = ("the server is down", "nobody can log in", "all orders are lost")
MILD = ("please change my address", "where is the invoice", "thank you for the help")


def write_reviews(path: Path, count: int = 120, seed: int = 1) -> Path:
    """Write a CSV: the first feeling of a sentence is the label, and the last the other one."""
    drawn = random.Random(seed)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["no", "text", "label"])
        for number in range(count):
            first, last = drawn.sample(["good", "bad"], 2)
            text = f"{drawn.choice(SUBJECTS)} was {first}, and {drawn.choice(SUBJECTS)} was {last}"
            rows.writerow([f"r{number}", text, first])
    return path


def write_series(path: Path, count: int = 120, seed: int = 1) -> Path:
    """Write an .npz of ragged series of two numbers: the first rises or falls, the second is noise."""
    drawn = np.random.default_rng(seed)
    lengths = drawn.integers(3, 14, count)
    labels = np.array(["falls", "rises"])[drawn.integers(0, 2, count)]
    series = [
        _slope(drawn, length, 1 if label == "rises" else -1) for length, label in zip(lengths, labels, strict=True)
    ]
    np.savez(path, x=np.concatenate(series), lengths=lengths, y=labels)
    return path


def write_doses(path: Path, count: int = 120, seed: int = 1) -> Path:
    """Write a long table of series at irregular times: whether more than 1 is left of doses, half of it each hour."""
    drawn = np.random.default_rng(seed)
    lines = ["id,t,dose,label"]
    for name in range(count):
        gaps = np.exp(drawn.uniform(-4, 1, drawn.integers(4, 11)))
        times, doses = drawn.uniform(0, 24) + np.cumsum(gaps), drawn.choice([0.0, 0.5, 1.5], len(gaps))
        left = float((doses * 0.5 ** (times[-1] - times)).sum())
        lines += [
            f"p{name},{t:.4f},{dose},{'more' if left > 1 else 'less'}" for t, dose in zip(times, doses, strict=True)
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


def _slope(drawn: np.random.Generator, length: int, sign: int) -> np.ndarray:
    line = sign * np.linspace(-1, 1, length) + drawn.normal(0, 0.1, length) + drawn.normal()
    return np.stack([line, drawn.normal(0, 1, length)], axis=1).astype(np.float32)


def write_table(path: Path, count: int = 160, seed: int = 1) -> Path:
    """Write a CSV of single rows: the price follows the size and the colour."""
    drawn = random.Random(seed)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["size", "colour", "weight", "price"])
        for _ in range(count):
            size, colour = round(drawn.uniform(1, 9), 2), drawn.choice(["red", "blue"])
            weight = "" if drawn.random() < 0.1 else round(drawn.gauss(50, 9), 1)
            rows.writerow([size, colour, weight, round(10 * size + (25 if colour == "red" else 0), 2)])
    return path


def make_tickets(count: int, seed: int) -> pd.DataFrame:
    """Make tickets that are urgent where what is said is grave and they wait for long, or neither."""
    drawn = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        grave, minutes = bool(drawn.integers(2)), round(float(drawn.exponential(60)), 1)
        opened = dt.datetime(2024, 1, 1) + dt.timedelta(minutes=int(drawn.integers(60 * 24 * 200)))
        text = f"{drawn.choice(GRAVE if grave else MILD)} {drawn.choice(['since today', 'again', 'please'])}"
        rows.append(
            {
                "text": text,
                "channel": str(drawn.choice(["phone", "mail"])),
                "opened": opened.strftime("%Y-%m-%d %H:%M"),
                "minutes": minutes,
                "urgent": "yes" if grave == (minutes > 40) else "no",
            }
        )
    return pd.DataFrame(rows)


def write_sounds(folder: Path, count: int = 24, seed: int = 1) -> Path:
    """Write a folder of WAV files: high tones and low ones."""
    drawn = np.random.default_rng(seed)
    for name, pitch in (("high", 1900.0), ("low", 310.0)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            write_tone(folder / name / f"{number}.wav", pitch * drawn.uniform(0.9, 1.1), drawn.uniform(0.08, 0.2))
    return folder


def write_tone(path: Path, pitch: float, seconds: float, rate: int = 8000) -> Path:
    """Write one tone as 16-bit WAV."""
    times = np.arange(int(seconds * rate)) / rate
    samples = (0.5 * np.sin(2 * np.pi * pitch * times) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def write_images(folder: Path, count: int = 30, seed: int = 1) -> Path:
    """Write a folder of PNG files: stripes that lie and stripes that stand."""
    drawn = np.random.default_rng(seed)
    for name in ("lying", "standing"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            stripes = np.tile(np.arange(12) // 2 % 2, (12, 1)) * 150 + drawn.integers(0, 100, (12, 12))
            pixels = (stripes if name == "standing" else stripes.T).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def write_genome(folder: Path, count: int = 80, seed: int = 1) -> list[Path]:
    """Write two FASTA files: with a box of TATAAT somewhere, and without."""
    drawn = random.Random(seed)
    paths = []
    for name, box in (("boxed", "TATAAT"), ("plain", "GGGCCC")):
        lines = []
        for number in range(count):
            letters = [drawn.choice("ACGT") for _ in range(30)]
            at = drawn.randrange(24)
            letters[at : at + 6] = box
            lines += [f">{name}{number}", "".join(letters)]
        paths.append(folder / f"{name}.fa")
        paths[-1].write_text("\n".join(lines) + "\n")
    return paths
