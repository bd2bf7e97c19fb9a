"""The first part of a report is on the task: scores beside baselines, which answers are confused, the worst answers."""

import itertools
import random
import re
from collections import Counter

import numpy as np
import pytest
import torch

from answerable import write_images, write_series, write_sounds, write_table
from balanced import Balanced
from elman.data import open_dataset, open_series
from elman.data.sentences.opening import open_tagged
from elman.encoders.batches import EncodedSet
from elman.errors import DataError
from elman.tasks import classify, forecast, tag
from elman.tasks.classify import opening as of_classes
from elman.tasks.forecast import opening as of_forecasts
from elman.tasks.tag import opening as of_tags
from forecastable import write_sales
from taggable import write_conllu

SMALL = {"hidden": 3, "epochs": 1, "quiet": True, "compare": False}
HOSTILE = "<script>alert(1)</script>"
CLASSES = ("bad", HOSTILE, "good", "so-so")


def write_texts(path, count, seed):
    """Write texts of words that say nothing of the class, so that many answers are wrong; one class is markup."""
    drawn = random.Random(seed)
    rows = [
        (
            " ".join(drawn.choices(("film", "music", "play", "<b>town</b>", "story"), k=drawn.randint(3, 9))) + f" {n}",
            label,
        )
        for n, label in enumerate(drawn.choices(CLASSES, (1, 2, 3, 4), k=count))
    ]
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("openings")


@pytest.fixture(scope="module")
def texts(folder):
    learnt = write_texts(folder / "learnt.csv", 90, 1)
    return classify.train(learnt, folds=1, **{**SMALL, "compare": True}), write_texts(folder / "new.csv", 70, 2)


@pytest.fixture(scope="module")
def tagger(folder):
    learnt, new = write_conllu(folder / "learnt.conllu", 30, 1), write_conllu(folder / "new.conllu", 23, 9)
    small = {"letter_hidden": 3, "letter_embedding": 3, "embedding": 3, "batch": 4}
    return tag.train(learnt, **small, **SMALL), new


@pytest.fixture(scope="module")
def forecaster(folder):
    sales = write_sales(folder / "sales.csv", 90, columns=2)
    return forecast.train(sales, horizon=5, lookback=11, validation=30, alone=True, **{**SMALL, "compare": True}), sales


def titled(sections, title):
    (found,) = [one for one in sections if one.title == title]
    return found


def matrix_of(section):
    (drawing,) = section.drawings
    rows = re.findall(r"<tr>(.*?)</tr>", drawing)
    head, *body = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return head[1:], [row[0] for row in body], [[re.sub("<.*?>", "", cell) for cell in row[1:]] for row in body]


def test_the_matrix_of_a_report_has_a_row_for_each_truth(texts):
    model, path = texts
    dataset = open_dataset([path], like=model.columns)
    pairs = Counter(zip((one.target for one in dataset), model.predict(dataset), strict=True))
    head, names, counts = matrix_of(titled(of_classes.opening(model, [path]), "Confusion matrix"))
    assert head == names == [re.sub("<", "&lt;", re.sub(">", "&gt;", name))[:99] for name in shortened(model.classes)]
    expected = [[pairs[true, answer] for answer in model.classes] for true in model.classes]
    assert counts == [[str(n) if n else "·" for n in row] for row in expected]
    assert np.array(expected).T.tolist() != expected, "a matrix that is symmetric shows no transposition"


def shortened(names):
    return [name if len(name) <= 18 else f"{name[:17]}…" for name in names]


def test_the_worst_answers_are_the_wrong_ones_of_the_highest_probability_the_first_first(texts, monkeypatch):
    monkeypatch.setattr(of_classes, "MOST_SHOWN", 5)
    model, path = texts
    dataset = open_dataset([path], like=model.columns)
    shares = model.probabilities(dataset)
    wrong = [
        (-float(share.max()), row, example)
        for row, (example, share) in enumerate(zip(dataset, shares, strict=True))
        if model.classes[int(share.argmax())] != example.target
    ]
    expected = [example.where for _, _, example in sorted(wrong, key=lambda one: one[:2])[:5]]
    section = titled(of_classes.opening(model, [path]), "Worst answers")
    assert re.findall(r"<span class=facts>(.*?)</span>", section.drawings[0]) == expected
    best = float(-wrong[[one[2].where for one in wrong].index(expected[0])][0])
    assert f"with {best:.1%}</b>" in section.drawings[0]
    assert section.says.startswith("The 5 wrong with the highest probability, of 70 examples of")


def test_names_and_texts_of_a_report_are_never_markup(texts):
    model, path = texts
    report = model.report(path)
    for page in (report.report(), report._repr_html_(), model._repr_html_()):
        found = Balanced(page)
        assert found.open == []
        assert not found.tags & {"script", "iframe", "link", "object"}
        assert "<b>town" not in page
    assert HOSTILE in "".join(Balanced(report.report()).words)


def test_scores_stand_beside_those_of_simpler_models_with_their_intervals(texts):
    model, path = texts
    table = titled(of_classes.opening(model, [path]), "Scores beside simpler models").table
    held_out, baseline = model.metrics["validation"], model.metrics["baseline"]
    rows = {row[0]: row[1:] for row in table}
    low, high = held_out["accuracy_interval"]
    assert rows["the model, held out in its training"][:2] == (
        f"{held_out['accuracy']:.1%}",
        f"{low:.1%} to {high:.1%}",
    )
    assert rows[baseline["what"]][0] == f"{baseline['accuracy']:.1%}"
    scores = model.evaluate(open_dataset([path], like=model.columns))
    assert table[-1][1:] == (f"{scores.accuracy:.1%}", f"{scores.interval[0]:.1%} to {scores.interval[1]:.1%}", "70")


def test_of_the_data_of_a_training_what_was_held_out_is_shown(texts, folder):
    model, _ = texts
    sections = of_classes.opening(model, [folder / "learnt.csv"])
    count = model.metrics["validation"]["count"]
    assert f"On {count} examples of" in titled(sections, "Confusion matrix").says
    assert "that it has not learnt from" in titled(sections, "Confusion matrix").says
    _, _, counts = matrix_of(titled(sections, "Confusion matrix"))
    held_out = model.metrics["validation"]["confusion"]
    assert counts == [[f"{n:.0f}" if n else "·" for n in row] for row in held_out]
    encoded = model.encode(open_dataset([folder / "learnt.csv"], like=model.columns))
    new = {encoded.where(i) for i in range(len(encoded)) if not model.compare_learnt(encoded.prints[i : i + 1]).learnt}
    shown = re.findall(r"<span class=facts>(.*?)</span>", titled(sections, "Worst answers").drawings[0])
    assert len(new) == count
    assert shown
    assert set(shown) <= new


def test_where_all_is_learnt_the_matrix_is_that_of_the_training_and_it_is_said(texts, folder, monkeypatch):
    model, _ = texts
    monkeypatch.setattr(of_classes, "_find_new", lambda _, prints: np.zeros(len(prints), bool))
    sections = of_classes.opening(model, [folder / "learnt.csv"])
    assert "may be better than on new examples" in titled(sections, "Scores beside simpler models").says
    assert "held out in its training" in titled(sections, "Confusion matrix").says
    _, _, counts = matrix_of(titled(sections, "Confusion matrix"))
    assert counts == [[f"{n:.0f}" if n else "·" for n in row] for row in model.metrics["validation"]["confusion"]]


def test_of_many_examples_some_are_answered_and_it_is_said(texts, monkeypatch):
    monkeypatch.setattr(of_classes, "MOST_EXAMPLES", 13)
    model, path = texts
    read = []
    encode = EncodedSet.__init__
    monkeypatch.setattr(EncodedSet, "__init__", lambda *a, **k: (read.append(len(a[2])), encode(*a, **k))[1])
    section = titled(of_classes.opening(model, [path]), "Confusion matrix")
    assert "13 examples of" in section.says
    assert "13 of 70, evenly spread" in section.says
    assert read == [13]


@pytest.mark.parametrize(
    ("write", "drawn", "options"),
    [
        (lambda folder: write_series(folder / "s.npz", 30), "<svg", {}),
        (lambda folder: write_images(folder / "images", 8), "<img", {"read": "rows", "longest_side": 5}),
        (lambda folder: write_sounds(folder / "sound", 8), "<img", {"mels": 8, "coefficients": 4}),
    ],
    ids=["series", "images", "sounds"],
)
def test_the_worst_examples_are_pictures_where_examples_are(folder, write, drawn, options):
    data = write(folder)
    model = classify.train([data], folds=1, **options, **SMALL)
    section = titled(of_classes.opening(model, [data]), "Worst answers")
    count = section.drawings[0].count("<li>")
    assert count
    assert section.drawings[0].count(drawn) == count


def test_the_worst_numbers_are_furthest_off(folder):
    path = write_table(folder / "t.csv", 40)
    model = classify.train([path], target="price", folds=1, **SMALL)
    model.learnt = None
    dataset = open_dataset([path], like=model.columns)
    off = {one.where: abs(one.target - answer) for one, answer in zip(dataset, model.predict(dataset), strict=True)}
    section = titled(of_classes.opening(model, [path]), "Worst answers")
    shown = re.findall(r"<span class=facts>(.*?)</span>", section.drawings[0])
    assert shown == sorted(off, key=off.__getitem__, reverse=True)[: of_classes.MOST_SHOWN]


def test_a_row_is_shown_with_dates_as_dates_and_what_is_missing_as_missing(folder):
    drawn, lines = random.Random(5), ["amount,channel,opened,born,wait"]
    for row in range(60):
        amount, channel = f"{drawn.uniform(1, 9):.3f}", drawn.choice(["mail", "web"])
        opened = f"2024-06-{1 + row % 28:02} {row % 24:02}:{row % 60:02}"
        lines.append(f"{amount},{channel},{opened},1999-0{1 + row % 9}-13,{drawn.uniform(0, 50):.2f}")
    lines += [",mail,2024-06-21 17:30,1999-03-13,7000.5", "8358.58,,,,9000.25"]
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    model = classify.train([path], target="wait", input="amount,channel,opened,born", folds=1, **SMALL)
    model.learnt = None
    (drawing,) = titled(of_classes.opening(model, [path]), "Worst answers").drawings
    assert "amount missing | channel mail | opened 2024-06-21 17:30 | born 1999-03-13" in drawing
    assert "amount 8358.58 | channel missing | opened missing | born missing" in drawing


def test_the_matrix_of_tags_has_a_row_for_each_truth(tagger):
    model, path = tagger
    sentences = open_tagged([path], like=model.layout).sentences
    pairs = Counter()
    for sentence, tags in zip(sentences, model.answer(sentences).tags, strict=True):
        pairs.update(zip(sentence.tags, tags, strict=True))
    head, names, counts = matrix_of(titled(of_tags.opening(model, [path]), "Confusion of tags"))
    assert head == names == sorted({name for pair in pairs for name in pair})
    assert counts == [[str(pairs[true, answer] or "·") for answer in names] for true in names]


def test_the_worst_tags_are_wrong_with_the_highest_probability_and_marked_in_their_sentence(tagger):
    model, path = tagger
    sentences = open_tagged([path], like=model.layout).sentences
    found = []
    for sentence in sentences:
        (batch,) = model.encode([sentence]).batches(1)
        with torch.no_grad():
            shares = model.module(batch.steps, batch.lengths).emissions.softmax(-1)[:, 0]
        for place, right in enumerate(sentence.tags):
            best = int(shares[place].argmax())
            if model.targets.tags[best] != right:
                found.append((float(shares[place, best]), sentence.where_is(place), sentence.words[place]))
    found.sort(key=lambda one: -one[0])
    (drawing,) = titled(of_tags.opening(model, [path]), "Worst answers").drawings
    shown = [float(share) for share in re.findall(r" with ([\d.]+)%</b>", drawing)]
    assert shown == pytest.approx([100 * share for share, *_ in found[: of_tags.MOST_SHOWN]], abs=0.06)
    assert re.findall(r"<span class=facts>(.*?)</span>", drawing)[0] == found[0][1]
    assert re.findall(r"<mark>(.*?)</mark>", drawing)[0] == found[0][2]


def test_the_scores_of_a_forecaster_behind_its_training_part_are_those_of_its_training(forecaster):
    model, path = forecaster
    section = titled(of_forecasts.opening(model, [path]), "Scores beside simpler forecasts")
    rows = {row[0]: row[1:] for row in section.table}
    assert rows["the model"][0] == f"{model.metrics['validation']['mase']:.3f}"
    for name, scores in model.metrics["baselines"].items():
        assert rows[name][0] == f"{scores['mase']:.3f}"
    assert "behind its training part" in section.says
    low, high = map(float, rows["the model"][1].split(" to "))
    assert low < model.metrics["validation"]["mase"] < high


def forecasts_of(model, path):
    """Forecast one window after the other, each from a table that ends with it."""
    data = open_series([path], like=model.columns)
    seen = of_forecasts._choose(model, data)
    found = []
    for number, origin in seen.origins.tolist():
        point, _ = model.ahead(seen.table, np.array([[number, origin]]))
        actual = data.series[number].values[origin : origin + model.horizon]
        found.append((number, origin, np.abs(actual - point[0])))
    return seen, found


def test_errors_by_step_are_those_of_each_step(forecaster):
    model, path = forecaster
    seen, found = forecasts_of(model, path)
    by_step = np.mean([error / unit for (_, _, error), unit in zip(found, seen.units, strict=True)], axis=0)
    section = titled(of_forecasts.opening(model, [path]), "Errors by step of the horizon")
    assert f"{by_step[0]:.3f} at step 1 and {by_step[-1]:.3f} at step 5" in section.says
    assert f"largest at step {int(by_step.argmax()) + 1}." in section.says


def test_the_worst_window_is_the_first_and_windows_do_not_overlap(forecaster):
    model, path = forecaster
    seen, found = forecasts_of(model, path)
    errors = [error.mean() / unit for (_, _, error), unit in zip(found, seen.units, strict=True)]
    number, origin, _ = found[int(np.argmax(errors))]
    (drawing,) = titled(of_forecasts.opening(model, [path]), "Worst forecasts").drawings
    series = seen.data.series[number]
    time = seen.data.say_time(series, seen.data.frequency.timestamps(series.start, origin + 1)[-1])
    assert re.findall(r"<b>(.*?)</b>", drawing)[0] == f"{series.name}: MASE {max(errors):.3f}"
    assert re.findall(r"<span class=facts>(.*?)</span>", drawing)[0] == f"from {time}"
    chosen = of_forecasts.choose_worst(seen.origins, np.array(errors), model.horizon, 6)
    places = sorted(map(tuple, seen.origins[chosen].tolist()))
    assert all(a[0] != b[0] or b[1] - a[1] >= model.horizon for a, b in itertools.pairwise(places))


def test_every_known_value_is_counted_once_in_the_coverage(forecaster):
    model, path = forecaster
    seen, _ = forecasts_of(model, path)
    point, intervals = model.ahead(seen.table, seen.origins)
    low, high = intervals[80]
    inside = ((low <= seen.actual) & (seen.actual <= high)).mean()
    says = titled(of_forecasts.opening(model, [path]), "Coverage of the intervals").says
    assert says == f"{inside:.0%} of the values lie in the 80 % interval."
    assert point.shape == seen.actual.shape


def test_forecasts_show_their_numbers_and_the_first_series_alone(forecaster, monkeypatch):
    from elman.tasks.forecast import notebook

    model, path = forecaster
    found = model.forecast(open_series([path], like=model.columns))
    block = found._repr_html_()
    assert block.count("<svg") == 2
    assert f"<td>{found[0].point[0]:.3f}"[:8] in block
    assert "Forecasts of 2 series<" in block
    monkeypatch.setattr(notebook, "MOST_SHOWN", 1)
    assert "Forecasts of 2 series, the first 1 are shown" in found._repr_html_()
    assert "Forecasts of 1 series<" in found[0]._repr_html_()
    assert Balanced(block).open == []


def test_a_report_needs_data_that_a_reader_knows(texts, tmp_path):
    model, path = texts
    with pytest.raises(DataError, match="Give a path, a list of paths, a data frame"):
        model.report(np.zeros((3, 4)))
    with pytest.raises(DataError, match="does not exist"):
        model.report(tmp_path / "none.csv")
    report = model.report(open_dataset([path], like=model.columns))
    report.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == report.report()
    assert len(report._repr_html_().encode()) < 200_000
    assert [one.title for one in report.opening] == [
        "The task", "Scores beside simpler models", "Confusion matrix", "Worst answers",
    ]  # fmt: skip
    titles = re.findall(r"<h2>([^<]*)</h2>", report.report())
    assert titles[:5] == [*(one.title for one in report.opening), "The network"]
