"""A translator, as the server uses it: texts, or the lines of a file. A model that puts words in order is one too.

>>> serve.__name__
'serve'
"""

from collections.abc import Sequence
from typing import Any

from elman.data.pairs.opening import read_texts
from elman.decoding.search import Beam
from elman.tasks.serving import SearchWidth, Sent, Service
from elman.tasks.translate.commands import describe_translations
from elman.tasks.translate.model import TrainedTranslator


def serve(trained: TrainedTranslator) -> Service:
    """Serve a translator."""

    def read(sent: Sent) -> list[str]:
        if sent.rows is None:
            with sent.in_file() as path:
                texts = read_texts(path)
        else:
            texts = sent.texts("text")
        for number, text in enumerate(texts, start=1):
            sent.check_steps(len(text), f"text {number}")
        return texts

    def answer(texts: Sequence[str], options: SearchWidth) -> list[dict[str, Any]]:
        found = trained.hypotheses(list(texts), Beam(options.beam, options.nbest))
        return [describe_translations(trained, *pair) for pair in zip(texts, found, strict=True)]

    return Service(
        page="translate",
        read=read,
        answer=answer,
        rows=[{"text": "a b c"}],
        files=(".txt",),
        options=SearchWidth,
        facts={"orders": trained.orders},
    )
