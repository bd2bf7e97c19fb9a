"""A language model, as the server uses it: continuations of texts, texts that it writes, and a text that grows.

>>> from elman.tasks.generate.served import WriteOptions
>>> WriteOptions(prompt="the ", length=20).temperature
0.8
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from elman.errors import ConfigError, DataError
from elman.options import OptionTable, option
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.reader import Reader, likeliest
from elman.tasks.serving import Sent, Service, require_text
from elman.vocabulary.subwords import Subwords


@dataclass(frozen=True, kw_only=True)
class CompleteOptions(OptionTable):
    """The options of a request for continuations."""

    top: int = option(5, "so many continuations", least=1, most=50)
    given: str | None = option(None, "the class to write, if the model has classes")


@dataclass(frozen=True, kw_only=True)
class WriteOptions(OptionTable):
    """The options of a request for a text."""

    prompt: str = option("", "the beginning of the text; it is not repeated")
    length: int = option(200, "so many units", least=1, most=100_000)
    lines: int | None = option(None, "end after so many lines", least=1)
    temperature: float = option(
        0.8, "below 1 more predictable, above 1 more varied; 0 takes always the likeliest", least=0
    )
    top_k: int | None = option(None, "sample from the K likeliest only", least=1)
    top_p: float | None = option(None, "sample from the likeliest whose probabilities sum to P", above=0, most=1)
    min_p: float | None = option(
        None, "sample from what is at least P times as likely as the likeliest", least=0, most=1
    )
    seed: int | None = option(None, "same seed, same text", least=0)
    given: str | None = option(None, "the class to write, if the model has classes")


def serve(trained: TrainedModel) -> Service:
    """Serve a language model."""

    def read(sent: Sent) -> list[str]:
        texts = sent.texts("text") if sent.rows is not None else [_decode(sent)]
        for number, text in enumerate(texts, start=1):
            sent.check_steps(len(text), f"row {number}")
        return texts

    def answer(texts: Sequence[str], options: CompleteOptions) -> list[dict[str, Any]]:
        found = [trained.complete(text, top=options.top, given=options.given) for text in texts]
        return [
            {"text": text, "continuations": [{"text": one, "probability": share} for one, share in few]}
            for text, few in zip(texts, found, strict=True)
        ]

    def write(options: WriteOptions, most_steps: int) -> Iterator[str]:
        bounds = Sent("text", "", most_steps=most_steps)
        bounds.check_steps(len(options.prompt), "The prompt")
        bounds.check_steps(options.length, "The length")
        return trained.generate(**vars(options))

    reads_subwords = isinstance(trained.vocabulary, Subwords)
    return Service(
        page="generate",
        read=read,
        answer=answer,
        rows=[{"text": trained.vocabulary.decode(trained.vocabulary.encode_prompt("").tolist()).strip() or ""}],
        files=(".txt",),
        options=CompleteOptions,
        facts={"classes": trained.classes, "unit": trained.vocabulary.unit},
        generate=write,
        writes=WriteOptions,
        follow=None if reads_subwords else (lambda options: _GrowingText(trained, options)),
        listens=CompleteOptions,
    )


def _decode(sent: Sent) -> str:
    try:
        return sent.content.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{sent.name} is not UTF-8. Save it as UTF-8.") from None


class _GrowingText:
    """A text that one client sends piece by piece, each of whole units; the likeliest next units are the answer."""

    def __init__(self, trained: TrainedModel, options: CompleteOptions) -> None:
        trained.start("", options.given)  # a class that is unknown is refused before anything is read
        self._trained, self._options = trained, options
        self._reader: Reader | None = None

    def take(self, message: str | bytes) -> dict[str, Any]:
        text, vocabulary = require_text(message), self._trained.vocabulary
        if self._reader is None:
            self._reader = self._trained.start(text, self._options.given)
        elif text:
            numbers = vocabulary.encode_prompt(text)
            # Words are read behind the start of a line, which stands before the first of them alone.
            for number in numbers[len(vocabulary.encode_prompt("")) if vocabulary.unit == "word" else 0 :].tolist():
                self._reader.step(number)
        pairs = likeliest(self._reader.probabilities(), self._options.top)
        unit = vocabulary.unit
        return {"next": [{unit: vocabulary.show(number), "probability": share} for number, share in pairs]}

    def end(self) -> dict[str, Any]:
        if self._reader is None:
            raise ConfigError("The stream has ended before a text was sent. Send one.")
        return {}
