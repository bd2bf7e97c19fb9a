"""Gather what lacks its other half: transcripts whose sound is not there, and sounds without a transcript.

Neither can be learnt from; they are left out, and said.

>>> Missing(["a.csv line 3"], ["b.wav"]).notes()
['1 transcript without its sound is left out: a.csv line 3.', '1 sound without a transcript is left out: b.wav.']
"""

from dataclasses import dataclass, field

from elman.phrases import name_some

_MOST_NAMED = 5


@dataclass
class Missing:
    """What is left out.

    Attributes:
        sounds: the places of transcripts without a sound.
        texts: sounds without a transcript.
    """

    sounds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Say what is left out, in a sentence each."""
        return [
            f"{len(found):,} {one if len(found) == 1 else several} left out: {name_some(found, _MOST_NAMED)}."
            for found, one, several in (
                (self.sounds, "transcript without its sound is", "transcripts without their sounds are"),
                (self.texts, "sound without a transcript is", "sounds without transcripts are"),
            )
            if found
        ]
