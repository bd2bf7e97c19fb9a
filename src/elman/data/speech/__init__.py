r"""Speech: recordings of utterances with what is said in them, as people have them.

`opening` recognises a form by what is there: a `table` (also of Common Voice and NeMo), a `corpus` folder (LibriSpeech,
LJSpeech, sounds with a text beside each), `kaldi`, `sphinx`, or `packed` frames. An `utterance` knows its sound, or a
part of one, and the file and line that it comes from. `checks` finds what looks wrong in texts, `survey` in sounds;
`listing` reads lists of keys, and `missing` says what lacks its other half.

    >>> import numpy as np, soundfile
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from elman.data.speech.opening import open_utterances
    >>> with TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros(800), 8000)
    ...     table = Path(folder, "speech.csv")
    ...     _ = table.write_text("path,text,speaker\na.wav,so good,Ann\n")
    ...     speech = open_utterances(table)
    ...     [one] = speech.utterances
    ...     one.transcript, one.speaker, len(speech.read(0).samples)
    ('so good', 'Ann', 800)
"""
