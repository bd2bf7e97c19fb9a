"""Read sentences whose words have tags: CoNLL-U, a word a line, parallel files.

`opening` tells the form of a file and reads it; `sentence` says what a sentence is, and gives it back in its form.

>>> from elman.data.tables.records import TextLine
>>> from elman.data.sentences.sentence import Layout, read_blocks
>>> lines = [TextLine(0, number, text) for number, text in enumerate(["so RB", "good JJ", ""], 1)]
>>> [sentence.words for sentence in read_blocks(lines, "tags.txt", Layout("columns"))]
[('so', 'good')]
"""
