"""Give every word a tag, and every sentence an answer: what the recipe `tag` stands on.

`settings` holds its options. `encoder`, `targets` and `batches` make numbers of sentences that
`elman.data.sentences.opening` reads. `sequence_tagger` holds the layers, `crf` chooses tags together, `chunks` finds
what they mark;
`trained_tagger` offers what it can do, `view` shows it at work. `scores` counts, `baseline` does without the sentence,
`report`, `verdict` and `tables` say what came of it. `space` says which settings a search tries, and `estimator` offers
all of it as scikit-learn does, as `Tagger`.

>>> from elman.tasks.tagging.chunks import chunks
>>> chunks(["O", "B-fromloc", "O", "B-toloc", "I-toloc"])
[(1, 2, 'fromloc'), (3, 5, 'toloc')]
"""
