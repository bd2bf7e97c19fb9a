"""Judge a score: against a non-recurrent baseline, and against the same model on shuffled steps.

A model that scores as well on shuffled steps does not use their order, and a simpler model will do. Two scores are
different where one lies outside the 95 % interval of the other.

>>> import torch
>>> from elman.scores.classes import score_classes
>>> targets, right = torch.tensor([0, 1] * 50), torch.tensor([[0.9, 0.1], [0.1, 0.9]] * 50)
>>> ours = score_classes(targets, right, ("no", "yes"))
>>> theirs = score_classes(targets, right.roll(1, 0).where(torch.arange(100)[:, None] < 20, right), ("no", "yes"))
>>> judge(ours, 900, shuffled=[theirs])
'Order matters: accuracy 100.0%, 80.0% with the steps shuffled.'
>>> needs_order(ours, shuffled=[theirs]), needs_order(ours, shuffled=[theirs], other=ours)
(True, False)
>>> judge(ours, 900, other=theirs, what="a bag of words", other_parameters=300)
'Accuracy 100.0%. A bag of words reaches 80.0% with 1/3 of the parameters.'
"""

from collections.abc import Sequence
from typing import Protocol

_ALIKE = 1.5  # counts of parameters within this factor are called about equal


class Judged(Protocol):
    """Scores of any task."""

    @property
    def measure(self) -> str:
        """Name of the score that models are compared by."""

    @property
    def quality(self) -> float:
        """The score; the higher the better."""

    def write(self, quality: float) -> str:
        """Write a quality of this kind."""

    def differs(self, quality: float) -> bool:
        """Check whether a quality lies outside the 95 % interval of this one."""

    def constant(self) -> str:
        """Write a sentence where a constant prediction is about as good; else nothing."""


def judge(
    ours: Judged,
    parameters: int,
    *,
    shuffled: Sequence[Judged] = (),
    other: Judged | None = None,
    what: str = "",
    other_parameters: int = 0,
    finished: bool = True,
    places: bool = False,
    constant: Judged | None = None,
    steps: str = "steps",
) -> str:
    """Write the judgement in one or two sentences.

    Args:
        ours: the scores of the recurrent model.
        parameters: how many it has.
        shuffled: its scores with the steps shuffled; empty where examples have one step, or it was not tried.
        other: the scores of the non-recurrent baseline on the same examples; None where there is none.
        what: name of the baseline, such as `a bag of words`.
        other_parameters: how many it has.
        finished: whether it was trained to its end; one that was not, and is worse, is no evidence.
        places: whether it reads where each step stands, or which steps follow each other; then it shows that order
            matters where it is clearly better,
            and says nothing of it where it does as well.
        constant: see :func:`needs_order`.
        steps: word for the steps.
    """
    score = f"{ours.measure} {ours.write(ours.quality)}"
    sentences = []
    if shuffled:
        mean = sum(one.quality for one in shuffled) / len(shuffled)
        figures = f"{score}, {ours.write(mean)} with the {steps} shuffled"
        if needs_order(ours, shuffled=shuffled, other=other, places=places, constant=constant):
            unused = "" if _reads_order(ours, shuffled) else ", and the model makes no clear use of it"
            sentences.append(f"Order matters{unused}: {figures}.")
        elif _reads_order(ours, shuffled):
            sentences.append(f"The model reads the order ({figures}), but that does not pay.")
        else:
            sentences.append(f"Order makes no clear difference: {figures}.")
    if other is not None:
        name, with_so_many = what[:1].upper() + what[1:], _compare(other_parameters, parameters)
        verdict = "reaches" if other.quality < ours.quality else "does better:"
        if not ours.differs(other.quality):
            verdict = "does about as well:"
        start = "" if sentences else f"{score[:1].upper()}{score[1:]}. "
        sentences.append(f"{start}{name} {verdict} {other.write(other.quality)} with {with_so_many}.")
        if not finished and other.quality < ours.quality:
            sentences.append("As it was cut short, that says nothing of what it would reach.")
    return " ".join(filter(None, [*sentences, ours.constant()]))


def judge_mixture(ours: Judged, alone: Judged, other: Judged) -> str:
    """Write what a mixture of the answers of a network and of its baseline reaches, and which does the work.

    Args:
        ours: the scores of the mixture.
        alone: those of the network.
        other: those of the baseline.
    """
    if alone.differs(other.quality):
        work = f"{'the network' if alone.quality > other.quality else 'the model without recurrence'} does most of it"
    else:
        work = "each does about half of it"
    return f"The answers of both are mixed: {ours.measure} {ours.write(ours.quality)}; {work}."


def needs_order(
    ours: Judged,
    *,
    shuffled: Sequence[Judged] = (),
    other: Judged | None = None,
    places: bool = False,
    constant: Judged | None = None,
) -> bool | None:
    """Check whether the order of the steps raises the score; None where that is not known.

    It does where the model scores better in order than shuffled, unless a baseline that reads no places does as well;
    and where one that reads places is clearly better than the model, in order and shuffled. It is not known where steps
    were not shuffled, or where neither the model nor such a baseline has learnt more than a constant answer.

    Args:
        ours: the scores of the recurrent model.
        shuffled: its scores with the steps shuffled.
        other: the scores of the non-recurrent baseline.
        places: whether the baseline reads where each step stands, or which steps follow each other.
        constant: the scores of a constant answer, where those of the task do not compare themselves with one.
    """
    if not shuffled:
        return None
    if other is not None and places:
        if _is_better(other, ours) and all(_is_better(other, one) for one in shuffled):
            return True
        other = None
    as_good = other is not None and not (other.quality < ours.quality and ours.differs(other.quality))
    if not _has_learnt(ours, constant) and not (as_good and other is not None and _has_learnt(other, constant)):
        return None
    return _reads_order(ours, shuffled) and not as_good


def _has_learnt(scores: Judged, constant: Judged | None) -> bool:
    return not scores.constant() and (constant is None or _is_better(scores, constant))


def _is_better(scores: Judged, other: Judged) -> bool:
    return scores.quality > other.quality and scores.differs(other.quality)


def _reads_order(ours: Judged, shuffled: Sequence[Judged]) -> bool:
    mean = sum(one.quality for one in shuffled) / len(shuffled)
    return ours.differs(mean) and mean < ours.quality


def _compare(theirs: int, ours: int) -> str:
    ratio = theirs / ours
    if ratio >= _ALIKE:
        return f"{ratio:,.0f} times the parameters"
    return f"1/{1 / ratio:,.0f} of the parameters" if ratio <= 1 / _ALIKE else "about as many parameters"
