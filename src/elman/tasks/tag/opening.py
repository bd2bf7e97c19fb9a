"""Open a report on a tagger: its scores, which tags it confuses, and the words that it is most surely wrong about.

What is shown are sentences that the model has not learnt from, where there are some.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from elman.data.sentences.sentence import Sentence
from elman.flow.page.answers import Shown, choose_confused, draw_confusion, draw_examples
from elman.flow.page.pictures import Section
from elman.flow.places import spread
from elman.nn.evaluation import evaluating
from elman.phrases import counted, printable
from elman.scores.tables import show_share
from elman.tasks.tag.model import TrainedTagger, hash_sentence, score_answers
from elman.tasks.tag.scores import TagScores
from elman.tasks.tag.view import open_again

MOST_SENTENCES = 2000
"""Of the data that are tagged, evenly spread."""

MOST_SHOWN = 8
_MOST_TAGS = 15  # of a matrix, and rows of a table
_AROUND = 12  # words shown on each side of one
_AT_ONCE = 64
_Row = tuple[str, ...]


def opening(model: TrainedTagger, data: Any) -> list[Section]:
    """Make the sections.

    Raises:
        DataError: the data cannot be read, or do not fit the model.
    """
    opened = open_again(model, data)
    part = [opened.sentences[i] for i in spread(len(opened.sentences), MOST_SENTENCES)]
    new = [True] * len(part) if model.learnt is None else model.learnt.find_new(map(hash_sentence, part)).tolist()
    chosen = [one for one, is_new in zip(part, new, strict=True) if is_new] or part
    answers = model.answer(chosen)
    scores = score_answers(answers, chosen, model.encoder, model.targets)
    said = f"{counted(len(chosen), 'sentence')} of {opened.name}"
    said += "" if all(new) else " that it has not learnt from" if any(new) else ", which are in its training data"
    if len(part) < len(opened.sentences):
        said += f", of {len(part):,} of {len(opened.sentences):,} that are evenly spread"
    return [
        _scores(model, scores, said, any(new)),
        _confusion(scores, said),
        *_worst(model, chosen, answers.tags, said),
    ]


def _scores(model: TrainedTagger, scores: TagScores, said: str, is_new: bool) -> Section:
    metrics, has_chunks = model.metrics, scores.chunks is not None
    rows: list[_Row] = [("tags of", *(["F1"] if has_chunks else []), "accuracy", "95 % interval", "words")]
    named = (
        ("the model, held out in its training", metrics.get("validation")),
        (metrics.get("baseline", {}).get("what", ""), metrics.get("baseline")),
        ("the most frequent tag of each word", metrics.get("most_frequent")),
        ("the model, words in random order", next(iter(metrics.get("shuffled", ())), None)),
        (f"the model, on {said}", scores.to_dict()),
    )
    rows += [(what, *_of_dict(found, has_chunks)) for what, found in named if found is not None]
    says = f"On {said}: {scores.measure} {scores.said()}."
    if not is_new:
        says += " That may be better than on new sentences; the score of its training is not."
    how = "All rows but the last are on the same sentences, which were held out in its training."
    return Section("Scores beside simpler models", says, (), how, tuple(rows))


def _of_dict(found: Mapping[str, Any], has_chunks: bool) -> _Row:
    low, high = found["accuracy_interval"]
    f1 = (show_share(found.get("f1")),) if has_chunks else ()
    return *f1, f"{found['accuracy']:.1%}", f"{low:.1%} to {high:.1%}", f"{found['count']:,}"


def _confusion(scores: TagScores, said: str) -> Section:
    """Make the section on which tags are confused."""
    names = [one.name for one in scores.per_tag]
    places = {name: place for place, name in enumerate(names)}
    counts = [[0.0] * len(names) for _ in names]
    for one in scores.per_tag:
        wrong = sum(times for right, _, times in scores.confused if right == one.name)
        counts[places[one.name]][places[one.name]] = one.support - wrong
    for right, answer, times in scores.confused:
        counts[places[right]][places[answer]] = times
    shown, rows, some = choose_confused(names, counts, _MOST_TAGS)
    support = {one.name: one.support for one in scores.per_tag}
    table: list[_Row] = [("true", "answered as", "times", "of")]
    for right, answer, times in scores.confused[:_MOST_TAGS]:
        table.append((right, answer, f"{times:,}", f"{support[right]:,}"))
    says = f"No tag is wrong on {said}."
    if scores.confused:
        right, answer, times = scores.confused[0]
        some += " Below: the most frequent pairs."
        says = f"On {said}: most often {right} is answered as {answer}, {times:,} times."
    how = (
        "A row has the words of one tag, a column those with one answer; right answers are on the diagonal. The "
        f"stronger the colour, the larger the share of the row.{some}"
    )
    return Section("Confusion of tags", says, (draw_confusion(shown, rows),), how, tuple(table) if table[1:] else ())


def _worst(
    model: TrainedTagger, sentences: Sequence[Sentence], tags: Sequence[tuple[str, ...]], said: str
) -> list[Section]:
    """Make the section on the words with a wrong tag of the highest probability; none where all are right."""
    wrong = [number for number, one in enumerate(sentences) if tuple(one.tags or ()) != tags[number]]
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(wrong), _AT_ONCE):
        found += _measure(model, sentences, tags, wrong[start : start + _AT_ONCE])
    found = sorted(found, key=lambda one: (-one[0], *one[1:]))[:MOST_SHOWN]
    if not found:
        return []
    shown = [_show(sentences[number], place, tags[number][place], share) for share, number, place in found]
    how = "The truth, then the answer. Such words often show mistakes in the data."
    says = f"The {len(shown)} tags that are wrong with the highest probability, of {said}."
    return [Section("Worst answers", says, (draw_examples(shown),), how)]


@torch.no_grad()
def _measure(
    model: TrainedTagger, sentences: Sequence[Sentence], tags: Sequence[tuple[str, ...]], chosen: Sequence[int]
) -> list[tuple[float, int, int]]:
    """Return the probability of each wrong tag, with the number of its sentence and the place of its word."""
    module, device = model.module, next(model.module.parameters()).device
    numbers = {tag: number for number, tag in enumerate(model.targets.tags)}
    batch = model.encode([sentences[number] for number in chosen]).batch(range(len(chosen)))
    rows = [
        (row, place)
        for row, number in enumerate(chosen)
        for place, (right, answer) in enumerate(zip(sentences[number].tags or (), tags[number], strict=True))
        if right != answer
    ]
    columns, places = (torch.tensor(one, device=device) for one in zip(*rows, strict=True))
    answers = torch.tensor([numbers[tags[chosen[row]][place]] for row, place in rows], device=device)
    with evaluating(module):
        lengths = batch.lengths.to(device)
        emissions = module(batch.steps.to(device), lengths).emissions
        shares = module.log_share(emissions[:, columns], lengths[columns], places, answers).exp().tolist()
    return [(share, chosen[row], place) for share, (row, place) in zip(shares, rows, strict=True)]


def _show(sentence: Sentence, place: int, answer: str, share: float) -> Shown:
    first = max(0, place - _AROUND)
    before, after = sentence.words[first:place], sentence.words[place + 1 : place + 1 + _AROUND]
    start = sum(len(word) + 1 for word in before)
    word = sentence.words[place]
    says = f"“{word}”: {(sentence.tags or ())[place]}, answered as {answer} with {share:.1%}"
    text = printable(" ".join([*before, word, *after]))
    return Shown(sentence.where_is(place), says, text, (start, start + len(word)))
