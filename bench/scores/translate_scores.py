"""Train `elman train translate` on public sets with its defaults, and measure their test parts once.

`ROWS` names the rows: German to English of multi30k (Elliott et al. 2016), the raw texts as they are; the test part is
test_2016_flickr. BLEU is sacreBLEU's, tokeniser 13a, cased, by a beam of five. And the order of jumbled sentences of
the Penn Treebank: trained on a part of ptb.train, the best weights chosen on the rest of it; the sentences of ptb.valid
are the test, as `penn_treebank.py` measures them (the text as it stands), by several beams.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.scores.penn_treebank import jumble_sentences, measure_order
from bench.scores.training_row import train_row
from elman.data.pairs.opening import open_pairs
from elman.tasks import translate
from elman.vocabulary.words import UNKNOWN

_BEAMS = (1, 64, 512)

Row = Callable[[Path, Path, int, dict[str, Any], bool], dict[str, Any]]


def multi30k(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Translate captions of pictures from German to English."""
    folder = data / "multi30k" / "raw"
    files = {
        part: [folder / f"{part}.{side}.gz" for side in ("de", "en")] for part in ("train", "val", "test_2016_flickr")
    }
    validation = ",".join(map(str, files["val"]))
    model, row = train_row("multi30k", translate, files["train"], scratch, seed, given, validation_data=validation)
    if test:
        scores, _ = model.evaluate(open_pairs(files["test_2016_flickr"]).pairs)
        row |= {"test_bleu": scores.bleu, "test_chrf": scores.chrf, "test": scores.to_dict()}
    return row


def ptb_order(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Put the words of newspaper sentences in order."""
    folder = data / "ptb"
    model, row = train_row(
        "ptb_order",
        translate,
        folder / "ptb.train.txt",
        scratch,
        seed,
        given,
        compare=False,
        jumble=True,
        tokenized=True,
        select="loss",
        epochs="auto",
        time_budget="40m",
    )
    if test:
        lines, jumbled = jumble_sentences(folder / "ptb.valid.txt")
        known = set(model.encoder.target.vocabulary.words)
        jumbled = [" ".join(word if word in known else UNKNOWN for word in line.split()) for line in jumbled]
        row["beams"] = []
        for beam in _BEAMS:  # the last takes longer than the training
            row["beams"].append(measure_order(model, lines, jumbled, beam))
            print(_describe_beam(row["beams"][-1]), file=sys.stderr, flush=True)
    return row


ROWS: dict[str, Row] = {"multi30k": multi30k, "ptb_order": ptb_order}
"""By name: takes the folder of all sets, a folder to write to, the seed, options, and whether the test part is read."""


def describe(row: dict[str, Any]) -> tuple[str, str, str]:
    """Write what was measured on the test part, on the validation part, and of the baselines."""
    tested = f"BLEU {row['test_bleu']:.1f}, chrF {row['test_chrf']:.1f}" if "test_bleu" in row else ""
    if "beams" in row:
        tested = "; ".join(map(_describe_beam, row["beams"]))
    metrics = row["metrics"]
    beside = ""
    if "baseline" in metrics:
        beside = (
            f"without recurrence {metrics['baseline']['bleu']:.1f} ({metrics['baseline']['parameters']:,} parameters); "
            f"nearest source {metrics['nearest']['bleu']:.1f}; units shuffled {metrics['shuffled'][0]['bleu']:.1f}"
        )
    return tested, f"BLEU {metrics['validation']['bleu']:.1f} (greedy)", beside


def _describe_beam(found: dict[str, float]) -> str:
    return f"beam {found['beam']}: BLEU {found['bleu']:.1f}, {found['seconds']:.0f} s"
