"""Compare the score of a tagger with baselines, and with its own score on words in random order."""

from collections.abc import Sequence
from typing import Any

import torch

from elman.data.sentences.sentence import Sentence
from elman.scores.verdict import judge, needs_order
from elman.tasks.tag.baseline import TagBaseline
from elman.tasks.tag.batches import EncodedSentences, answer_sentences
from elman.tasks.tag.model import TrainedTagger, score_answers
from elman.tasks.tag.scores import TagScores, score_tags
from elman.tasks.tag.targets import TagTargets

_SHUFFLES = 3


def score_baseline(
    baseline: TagBaseline, sentences: Sequence[Sentence], targets: TagTargets
) -> tuple[TagScores, TagScores]:
    """Score the network that sees one word at a time, and the most frequent tag of each word.

    Args:
        baseline: both of them.
        sentences: with tags.
        targets: the tags and labels.
    """
    right, words = [sentence.tags or () for sentence in sentences], [sentence.words for sentence in sentences]
    labels = [sentence.label for sentence in sentences] if targets.labels else []
    usual_labels = [baseline.label] * len(labels)
    network, usual = (
        score_tags(right, predicted, scheme=targets.scheme, labels=labels, predicted_labels=usual_labels)
        for predicted in (baseline.all_tags(sentences), [baseline.usual_tags(own) for own in words])
    )
    return network, usual


def compare(
    model: TrainedTagger,
    held_out: EncodedSentences,
    baselines: tuple[TagBaseline, TagScores, TagScores] | None,
    seed: int,
) -> dict[str, Any]:
    """Score the model, and compare the score with the baselines.

    Args:
        model: the trained one.
        held_out: the sentences to validate on.
        baselines: those without the sentence, with the scores of the network and of the most frequent tags; None
            where they were not trained.
        seed: of the orders of shuffled words.
    """
    ours = _score(model, held_out, None)
    validation = {"validation": {"measure": ours.measure, "said": ours.said(), **ours.to_dict()}}
    if baselines is None:
        return validation
    baseline, other, usual = baselines
    shuffled = []
    if int(held_out.lengths.max()) > 1:
        drawn = torch.Generator().manual_seed(seed)
        shuffled = [_score(model, held_out, drawn) for _ in range(_SHUFFLES)]
    verdict = judge(
        ours,
        model.parameters,
        shuffled=shuffled,
        other=other,
        what=baseline.what,
        other_parameters=baseline.parameters,
        finished=baseline.finished,
        steps="words",
    )
    does = "reaches" if usual.quality < ours.quality and ours.differs(usual.quality) else "does as well or better:"
    last = [f"The most frequent tag of each word {does} {usual.said()}."]
    if ours.label_accuracy is not None:
        last.append(
            f"Labels: {ours.label_accuracy:.1%} are right; always {baseline.label}, {usual.label_accuracy:.1%}."
        )
    facts = {"what": baseline.what, "parameters": baseline.parameters, "finished": baseline.finished}
    return {
        **validation,
        "baseline": {**facts, **other.to_dict()},
        "most_frequent": usual.to_dict(),
        "shuffled": [scores.to_dict() for scores in shuffled],
        "order_needed": needs_order(ours, shuffled=shuffled, other=max(other, usual, key=lambda one: one.quality)),
        "verdict": " ".join([verdict, *last]),
    }


def _score(model: TrainedTagger, examples: EncodedSentences, shuffled: torch.Generator | None) -> TagScores:
    answers = answer_sentences(model.module, examples, shuffled=shuffled)
    return score_answers(answers, examples.sentences, model.encoder, model.targets)
