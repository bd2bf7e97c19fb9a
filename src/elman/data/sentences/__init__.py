"""Read sentences whose words have tags: CoNLL-U, a word a line, parallel files.

`opening` opens files; `inference` infers their form, a `layout`, from their first lines. `sentence` reads a word a
line and writes sentences in their form again, by `cells`; `parallel` reads a sentence a line.

>>> from elman.data.tables.records import TextLine
>>> from elman.data.sentences.layout import SentenceLayout
>>> from elman.data.sentences.sentence import read_blocks
>>> lines = [TextLine(0, number, text) for number, text in enumerate(["so RB", "good JJ", ""], 1)]
>>> [sentence.words for sentence in read_blocks(lines, "tags.txt", SentenceLayout("columns"))]
[('so', 'good')]
"""
