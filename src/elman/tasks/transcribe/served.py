"""A transcriber, as the server uses it: one file of sound, or 16-bit samples as they arrive.

>>> serve.__name__
'serve'
"""

from collections.abc import Sequence
from typing import Any

from elman.data.dataset import Sound
from elman.data.formats import sound
from elman.data.formats.arriving import ArrivingPcm
from elman.errors import DataError
from elman.tasks.serving import SampleRate, SearchWidth, Sent, Service, require_bytes
from elman.tasks.transcribe.commands import describe_transcript
from elman.tasks.transcribe.listening import SpeechStream
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.streaming import can_stream


def serve(trained: TrainedTranscriber) -> Service:
    """Serve a transcriber."""
    features = trained.encoder.features

    def read(sent: Sent) -> list[Sound]:
        if sent.rows is not None:
            raise DataError("rows were sent, and this model reads a file of sound. Send one.")
        if features is None:
            raise DataError(
                "This model reads frames of another program, and the server reads sound. Use elman predict."
            )
        with sent.in_file() as path:
            sent.check_steps(100 * sound.measure_sound(path).seconds, sent.name)
            return [sound.read_sound(path)]

    def answer(sounds: Sequence[Sound], options: SearchWidth) -> list[dict[str, Any]]:
        return [describe_transcript(one) for one in trained.transcribe(list(sounds), options.beam)]

    streams = features is not None and can_stream(trained.module, trained.encoder)
    return Service(
        page="sound",
        read=read,
        answer=answer,
        files=tuple(sound.SUFFIXES),
        options=SearchWidth,
        facts={"rate": None if features is None else features.rate},
        follow=(lambda options: _Listener(trained.stream(options.rate))) if streams else None,
        listens=SampleRate,
    )


class _Listener:
    """A sound that one client sends in pieces."""

    def __init__(self, stream: SpeechStream) -> None:
        self._stream, self._pcm = stream, ArrivingPcm()

    def take(self, message: str | bytes) -> dict[str, Any]:
        return describe_transcript(self._stream.hear(self._pcm.hear(require_bytes(message), "The stream")))

    def end(self) -> dict[str, Any]:
        last = self._stream.hear(self._pcm.end())
        rest = self._stream.end()
        words = (*last.words, *rest.words)
        return {"text": last.text + rest.text, "words": [word.to_dict() for word in words]}
