"""Read and write text: what the recipe `generate` stands on.

`settings` holds its options. `corpus` reads a folder with a class each; `vocabulary` turns text into numbers
(`characters`, `words`, `subwords`), `preparation` holds a part of it out, `windows` cuts the rest for truncated BPTT.
`language_model` holds the layers, `evaluation` measures them, `sampling` turns logits into one unit, `reader` reads and
completes, `reorder` puts jumbled words in order, `interactive` helps while one types. `trained_model` offers all of it,
and `view` shows it at work.

>>> from elman.tasks.language.words import Words
>>> Words.of("please stay at home").encode("stay at home").tolist()
[5, 2, 3]
"""
