"""Make pictures of coloured squares, and captions that name what is seen: what, how many and where."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (230, 30, 30), "green": (20, 200, 40), "blue": (30, 40, 230), "white": (250, 250, 250)}
PLACES = {"left": (slice(6, 18), slice(2, 12)), "right": (slice(6, 18), slice(20, 30))}


def draw_photo(colour, place, drawn):
    """Return a photo (24, 32, 3) of a square on dark noise."""
    photo = drawn.integers(0, 40, (24, 32, 3), dtype=np.uint8)
    photo[PLACES[place]] = np.clip(np.array(COLOURS[colour]) + drawn.integers(-15, 15, (1, 1, 3)), 0, 255)
    return photo


def say(colour, place):
    """Return two captions."""
    return [f"A {colour} square on the {place} .", f"on the {place} is a {colour} square"]


def draw_set(count, seed=1):
    """Return photos, their names and their captions."""
    drawn = np.random.default_rng(seed)
    kinds = [(drawn.choice(list(COLOURS)), drawn.choice(list(PLACES))) for _ in range(count)]
    photos = [draw_photo(*one, drawn) for one in kinds]
    return photos, [f"p{index:03}.png" for index in range(count)], [say(*one) for one in kinds]


def as_features(photos):
    """Return what another program could have computed: the mean colours of 2 × 4 cells, (N, 3, 2, 4)."""
    cells = np.stack(photos).astype(np.float32).reshape(len(photos), 2, 12, 4, 8, 3).mean((2, 4))
    return cells.transpose(0, 3, 1, 2)


def write_captions(path, names, captions):
    """Write a table with a caption a row."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "caption"])
        table.writerows((name, text) for name, of in zip(names, captions, strict=True) for text in of)
    return Path(path)


def write_set(folder, count, seed=1, *, form="features"):
    """Write captions and, as asked, `photos/`, `photos.npz` or `features.npz`; return both paths."""
    photos, names, captions = draw_set(count, seed)
    table = write_captions(folder / "captions.csv", names, captions)
    if form == "folder":
        pictures = folder / "photos"
        pictures.mkdir()
        for photo, name in zip(photos, names, strict=True):
            Image.fromarray(photo).save(pictures / name)
    elif form == "photos":
        pictures = folder / "photos.npz"
        np.savez(pictures, images=np.stack(photos), names=names)
    else:
        pictures = folder / "features.npz"
        np.savez(pictures, features=as_features(photos), names=names)
    return table, pictures
