"""Scores on a terminal and as a picture: nothing is lost, nothing breaks the screen, long and wide names fit."""

import re

import pytest
import torch
from rich.cells import cell_len
from rich.console import Console

from elman.encoders.targets import Targets
from elman.errors import ConfigError, ElmanError
from elman.scores.classes import score_classes, score_labels, score_numbers
from elman.scores.tables import score_tables, shorten
from elman.tasks.classify.mistakes import Mistake, find_mistakes, mistakes_table
from elman.tasks.classify.picture import draw_confusion
from elman.tasks.classify.scoring import score_outputs

WIDE = ("名前", "日本語のとても長い名前", "한국어", "Русский", "ok\x1b[2J", "[red]x[/red]", "$a_b$")


def some_scores(names, count=307):
    drawn = torch.Generator().manual_seed(1)
    probabilities = torch.rand(count, len(names), generator=drawn).softmax(1)
    targets = torch.randint(len(names), (count,), generator=drawn)
    probabilities[torch.arange(0, count, 2), targets[::2]] += 1
    return score_classes(targets, probabilities / probabilities.sum(1, keepdim=True), names)


def printed(parts, width=80) -> str:
    console = Console(width=width, highlight=False, force_terminal=False)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get()


@pytest.mark.parametrize(("classes", "width"), [(2, 40), (7, 60), (18, 80), (20, 100)])
def test_every_count_of_the_confusion_matrix_is_shown(classes, width):
    scores = some_scores(tuple(f"name {k}" for k in range(classes)), 10 * classes**2)
    rows = printed(score_tables(scores), width).split("(columns):\n")[1].splitlines()[1:]
    assert len(rows) == classes
    for row, counts in zip(rows, scores.confusion, strict=True):
        # Without the name, and the number before it where numbers stand over the columns.
        shown = re.sub(r"^(\d+ )?name \d+", "", row).replace("·", "0").split()
        assert shown == [str(count) for count in counts]


@pytest.mark.parametrize(
    "names", [WIDE, tuple(f"a class with a long name {k}" for k in range(47))], ids=["wide", "many"]
)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_screen_or_steers_it(names, width):
    scores = some_scores(names)
    for line in printed(score_tables(scores)[1:], width).splitlines():
        assert cell_len(line) <= width
        assert "\x1b" not in line


def test_what_is_right_stands_out():
    scores = score_classes(torch.tensor([0, 1, 1]), torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]), ("no", "yes"))
    console = Console(width=80, force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as capture:
        console.print(score_tables(scores)[2])
    bold = r"\x1b\[1;32m *1\x1b\[0m"
    first, second = capture.get().splitlines()[-2:]
    assert re.fullmatch(rf"no +{bold}.*·.*", first)
    assert re.fullmatch(rf"yes +1 +{bold}", second)


def test_of_many_classes_the_worst_and_the_most_confused_are_shown():
    scores = some_scores(tuple(f"name {k}" for k in range(47)), 2003)
    text = printed(score_tables(scores))
    assert "The 10 of 47 with the lowest F1:" in text
    worst = min(scores.per_class, key=lambda score: score.f1)
    assert text.split("lowest F1:\n")[1].splitlines()[1].startswith(worst.name)
    true, predicted, times = scores.most_confused(1)[0]
    assert re.search(rf"predicted +times +of\n{true} +{predicted} +{times} ", text)


def test_a_perfect_score_has_no_confused_pairs():
    targets = torch.arange(23)
    scores = score_classes(targets, torch.nn.functional.one_hot(targets).double(), [f"name {k}" for k in range(23)])
    assert "confused" not in printed(score_tables(scores))


def test_two_classes_say_which_of_them_is_meant():
    text = printed(score_tables(some_scores(("healthy", "ill"))), 120)
    assert re.search(r"for ill: sensitivity \d+\.\d%, specificity \d+\.\d%, correlation \(Matthews\) 0\.\d{3}", text)
    assert re.match(r"accuracy \d+\.\d% \(95 % interval \d+\.\d–\d+\.\d%\), macro-F1", text)


def test_labels_and_numbers_have_a_line_each():
    labels = score_labels(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.9, 0.2], [0.8, 0.3]]), ("a", "b"))
    text = printed(score_tables(labels))
    line = " ".join(text.split("\n\n")[0].split())
    assert line == "micro-F1 80.0%, macro-F1 50.0%, all labels right 50.0%, calibration error 30.0% on 2 examples"
    assert re.search(r"\nb +– +0\.0% +0\.0% +1\n", text)
    assert printed(score_tables(score_numbers(torch.ones(1), torch.ones(1)))) == "RMSE 0, MAE 0 on 1 example\n"


def test_a_long_name_keeps_its_start_and_its_end():
    assert shorten("a class with quite a long name 41") == "a class wit…ong name 41"
    assert shorten("short") == "short"
    assert cell_len(shorten("日本語のとても長い名前です。日本語のとても長い名前です。")) <= 24


CLASSES = Targets("category", ("a", "b", "c"))


def test_the_surest_mistakes_come_first_and_the_right_ones_never():
    outputs = torch.tensor([[3.0, 0, 0], [0, 5.0, 0], [0, 0, 2.0], [4.0, 0, 0], [0, 1.0, 0]])
    found = find_mistakes(CLASSES, outputs, torch.tensor([1, 1, 0, 2, 0]), "line {}".format)
    assert [mistake.where for mistake in found] == ["line 3", "line 0", "line 2", "line 4"]
    assert [(mistake.true, mistake.predicted) for mistake in found[:2]] == [("c", "a"), ("b", "a")]
    assert found[0].probability == pytest.approx(float(outputs[3].softmax(0)[0]))
    assert find_mistakes(CLASSES, outputs, torch.tensor([1, 1, 0, 2, 0]), "line {}".format, most=1) == found[:1]
    text = printed([mistakes_table(found)])
    assert re.search(r"Most confidently wrong:\ntrue +predicted +sure +where *\nc +a +96\.5% +line 3", text)


def test_the_examples_are_named_only_where_they_are_listed():
    asked = []
    outputs = torch.randn(1009, 3)
    find_mistakes(CLASSES, outputs, torch.zeros(1009, dtype=torch.int64), lambda i: asked.append(i) or "", most=5)
    assert len(asked) == 5


def test_mistakes_show_the_beginning_of_the_text():
    found = [Mistake("a.csv line 3", "c", "a", 0.9, text="so good"), Mistake("a.csv line 4", "c", "b", 0.8, text="bad")]
    shown = printed([mistakes_table(found)])
    assert re.search(r"where +text *\nc +a +90\.0% +a\.csv line 3 +so good", shown)
    assert found[0].to_dict()["text"] == "so good"
    assert "text" not in Mistake("1", "c", "a", None).to_dict()


def test_mistakes_in_labels_and_numbers():
    labels = Targets("labels", ("a", "b"))
    found = find_mistakes(
        labels, torch.tensor([[2.0, -1], [-3, -1], [1, 1]]), torch.tensor([[1.0, 1], [1, 0], [1, 1]]), str
    )
    assert [(m.where, m.true, m.predicted) for m in found] == [("1", "a", "no a"), ("0", "b", "no b")]
    numbers = Targets("number", mean=100.0, deviation=10.0)
    found = find_mistakes(numbers, torch.tensor([[0.0], [2.0], [-1.0]]), torch.tensor([0.1, 0.0, -0.7]), str, most=2)
    assert [(m.where, m.true, m.predicted, m.probability) for m in found] == [
        ("1", "100", "120", None),
        ("2", "93", "90", None),
    ]
    assert "Furthest off:\ntrue  predicted  where\n100   120        1" in printed([mistakes_table(found)])


def test_the_outputs_of_a_module_are_scored_in_the_unit_of_the_targets():
    numbers = Targets("number", mean=100.0, deviation=10.0)
    assert score_outputs(numbers, torch.tensor([[0.5], [0.0]]), torch.tensor([0.0, 1.0])).mae == pytest.approx(7.5)
    assert score_outputs(CLASSES, torch.eye(3) * 2, torch.tensor([0, 1, 1])).accuracy == pytest.approx(2 / 3)
    labels = Targets("labels", ("a", "b"))
    assert (
        score_outputs(labels, torch.tensor([[2.0, -1], [-3, -1]]), torch.tensor([[1.0, 0], [1, 0]])).exact_match == 0.5
    )


@pytest.mark.parametrize("names", [("no", "yes"), WIDE, tuple(f"name {k}" for k in range(131))])
def test_a_picture_is_drawn_and_is_the_same_each_time(names, tmp_path):
    scores = some_scores(names)
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        if suffix == ".png" or len(names) == 2:
            drawn = [tmp_path / f"{number}{suffix}" for number in range(2 if len(names) < 100 else 1)]
            for path in drawn:
                draw_confusion(scores, path)
            assert drawn[0].read_bytes().startswith(start)
            assert drawn[0].read_bytes() == drawn[-1].read_bytes()


def test_a_picture_needs_a_format_and_a_folder(tmp_path):
    scores = some_scores(("no", "yes"))
    with pytest.raises(ConfigError, match=r"names no format for a picture. End it in one of .png, .svg, .pdf"):
        draw_confusion(scores, tmp_path / "confusion.txt")
    with pytest.raises(ElmanError, match=r"does not exist\. Make it, or choose another place"):
        draw_confusion(scores, tmp_path / "nowhere" / "confusion.png")
    assert list(tmp_path.iterdir()) == []
