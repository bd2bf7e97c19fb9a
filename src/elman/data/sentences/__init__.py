"""Read sentences whose words have tags: CoNLL-U, a word a line, parallel files.

`opening` infers the form of a file and reads it; `sentence` holds a sentence, and writes it in its form again.

>>> from elman.data.tables.records import TextLine
>>> from elman.data.sentences.sentence import SentenceLayout, read_blocks
>>> lines = [TextLine(0, number, text) for number, text in enumerate(["so RB", "good JJ", ""], 1)]
>>> [sentence.words for sentence in read_blocks(lines, "tags.txt", SentenceLayout("columns"))]
[('so', 'good')]
"""
