"""Faults in captioning: scores, pictures and their captions, and the layers."""

from faults.fault import Fault

SCORES = "tests/scores/test_captions.py"
CAPTIONS = "tests/data/captions/test_captions.py"
PICTURES = "tests/encoders/test_pictures.py"
MODULE = "tests/tasks/caption/test_module.py"

CAPTION_FAULTS = (
    Fault(
        "CIDEr-D does not limit how often a word counts",
        "scores/cider.py",
        "min(weight, theirs[gram]) * theirs[gram]",
        "weight * theirs[gram]",
        SCORES,
        "public_implementation or repeating",
    ),
    Fault(
        "CIDEr-D weighs by captions and not by pictures",
        "scores/cider.py",
        "for gram in {gram for text in of for grams in text for gram in grams}",
        "for gram in [gram for text in of for grams in text for gram in grams]",
        SCORES,
        "cider_has_the_numbers",
    ),
    Fault(
        "the captions of a picture go to the one before it",
        "data/captions/opening.py",
        "own.setdefault(index, []).append(row)",
        "own.setdefault(index and index - 1, []).append(row)",
        CAPTIONS,
        "every_form",
    ),
    Fault(
        "cells are standardised by the wrong axis",
        "encoders/pictures/encoder.py",
        ".flatten(1).t().numpy().astype(np.float64)",
        ".flatten(1).numpy().astype(np.float64)[:, : maps.size[0]]",
        PICTURES,
        "standardised",
    ),
    Fault(
        "the backbone pads on both sides alike",
        "encoders/pictures/efficientnet.py",
        "across // 2, across - across // 2, down // 2, down - down // 2",
        "across - across // 2, across // 2, down - down // 2, down // 2",
        PICTURES,
        "authors_network",
    ),
    Fault(
        "features are taken for those of other pictures",
        "encoders/pictures/kept.py",
        "[prints[i] for i in some]",
        "len(some)",
        PICTURES,
        "computed_once",
    ),
    Fault(
        "a damaged file of features is used",
        "encoders/pictures/kept.py",
        "return rows if hashlib.sha256(rows.data).digest() == digest else None",
        "return rows if digest else None",
        PICTURES,
        "computed_once",
    ),
    Fault(
        "each caption looks at the first picture",
        "tasks/caption/module.py",
        "self.encode(pictures).select(owners)",
        "self.encode(pictures).select(owners * 0)",
        MODULE,
        "own_picture or alone_in_a_batch",
    ),
    Fault(
        "cells have no places",
        "tasks/caption/module.py",
        "self.project(cells) + self.places",
        "self.project(cells) + 0 * self.places",
        MODULE,
        "left_and_right",
    ),
)
