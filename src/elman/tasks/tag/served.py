"""A tagger, as the server uses it: sentences as lists of words, as texts, or in a file.

>>> from elman.tasks.serving import Sent
>>> split_rows(Sent("rows", ".jsonl", rows=[{"text": "so  good"}, {"words": ["bad"]}]))
[['so', 'good'], ['bad']]
"""

import io
from collections.abc import Sequence
from typing import Any

from elman.data.sentences.opening import stream_tagged
from elman.data.sentences.sentence import Sentence
from elman.errors import DataError
from elman.tasks.serving import Sent, Service
from elman.tasks.tag.commands import describe_tags
from elman.tasks.tag.following import TagStream, as_words, can_follow
from elman.tasks.tag.model import TrainedTagger, as_sentences

_FILES = (".txt", ".tsv", ".conll", ".conllu")


def serve(trained: TrainedTagger) -> Service:
    """Serve a tagger."""
    columns, sides = trained.encoder.all_columns, len(trained.encoder.sides)

    def read(sent: Sent) -> Sequence[Sentence]:
        if sent.rows is None:
            file = io.BytesIO(sent.content)
            sentences = [one for _, one in stream_tagged(file, sent.name, trained.layout)]
        else:
            sentences = as_sentences(split_rows(sent))
        for one in sentences:
            sent.check_steps(sum(map(len, one.words)), one.name)
        trained.encoder.require_known(sentences, sent.name)
        return sentences

    def answer(sentences: Sequence[Sentence], _: Any) -> list[dict[str, Any]]:
        found = trained.answer(sentences)
        return [describe_tags(*one) for one in zip(sentences, found.tags, found.labels, strict=True)]

    words, unknown = ["The", "cat", "sat", "."], ["-"] * len(trained.encoder.columns)
    return Service(
        page="tags",
        read=read,
        answer=answer,
        rows=[{"words": [[word, *unknown, *[at] * sides] for at, word in enumerate(words)] if columns else words}],
        files=_FILES,
        facts={
            "columns": columns,
            "tags": list(trained.targets.tags),
            "labels": list(trained.targets.labels),
        },
        follow=(lambda options: TagStream(trained, options)) if can_follow(trained) else None,
    )


def split_rows(sent: Sent) -> list[Any]:
    """Return the words of each row, which has `words` or a `text` with spaces between the words.

    Raises:
        DataError: a row has neither.
    """
    found = []
    for number, row in enumerate(sent.rows or (), start=1):
        words, text = row.get("words"), row.get("text")
        if isinstance(words, list):
            found.append(as_words(words))
        elif isinstance(text, str) and text.split():
            found.append(text.split())
        else:
            raise DataError(f'row {number} has no words. Write {{"words": ["The", "cat"]}}, or {{"text": "The cat"}}.')
    return found
