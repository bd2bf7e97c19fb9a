"""`--both-strands` in commands: a file, and the same with the other strands, are answered alike, also as a stream."""

import json
import random
from pathlib import Path

PAIRS = str.maketrans("ACGT", "TGCA")


def test_commands_answer_both_strands_alike(elman):
    drawn = random.Random(1)
    rows = [("".join(drawn.choices("ACGT", k=drawn.randint(9, 20))), drawn.choice("ab")) for _ in range(50)]
    for name, way in (("one", str), ("other", lambda text: text[::-1].translate(PAIRS).lower())):
        lines = ["sequence,kind", *(f"{way(text)},{kind}" for text, kind in rows)]
        Path(f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = elman(
        "train", "classify", "one.csv", "-o", "m", "--both-strands", "--epochs", 1, "--folds", 1, "--hidden", 7
    )
    assert "both strands are read" in done.err
    scores = [json.loads(elman("evaluate", "m", f"{name}.csv", "--json").out) for name in ("one", "other")]
    for measure in ("accuracy", "log_loss"):
        assert scores[0][measure] == scores[1][measure]
    given = [Path(f"{name}.csv").read_bytes() for name in ("one", "other")]
    answers = [elman("predict", "m", "-", stdin=one).out.splitlines() for one in given]
    columns = [[line.rsplit(",", 2)[1:] for line in lines] for lines in answers]
    assert columns[0] == columns[1]
    assert columns[0][0] == ["prediction", "probability"]
    assert len(columns[0]) == 51


def test_a_protein_is_refused_in_one_line(elman, tmp_path):
    lines = ["sequence,kind", *["MKVLAAGIVGLCAKTQLYPWSERND,a", "QLYPWSERNDMKVLAAGIVGLCAKT,b"] * 9]
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    done = elman("train", "classify", "p.csv", "--both-strands")
    assert done.code != 0
    assert "both_strands is for DNA" in done.err
    assert "Traceback" not in done.err
