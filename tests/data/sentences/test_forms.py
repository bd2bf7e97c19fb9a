"""Files of tagged sentences in common forms: headers, commas, sentence numbers, blank lines, and more columns."""

import io

import pytest

from elman.data.sentences.layout import SentenceLayout
from elman.data.sentences.opening import open_tagged, stream_tagged
from elman.errors import DataError
from elman.tasks.tag.chunks import find_scheme

EXPECTED = [
    (("New\u00a0York", "is", ",", "big"), ("B-LOC", "O", "O", "O")),
    (("no",), ("O",)),
    (("so", "it", "is"), ("O", "O", "O")),
]
PLAIN = [[*zip(words, tags, strict=True)] for words, tags in EXPECTED]


def pairs(data):
    return [(sentence.words, sentence.tags) for sentence in data.sentences]


def blocks(write, between="\n", end="\n"):
    return (end + between).join(end.join(write(*pair) for pair in sentence) for sentence in PLAIN) + end


def table(header, write, separator):
    rows = [write(number, place, *pair) for number, sentence in enumerate(PLAIN) for place, pair in enumerate(sentence)]
    return "".join(separator.join(quote(cell, separator) for cell in row) + "\n" for row in [*header, *rows])


def quote(cell, separator):
    return f'"{cell}"' if separator == "," in cell else cell


def with_ids(number, _, word, tag):
    return str(number + 11), word, "X", tag


def first_only(number, place, word, tag):
    return "" if place else f"Sentence: {number + 1}", word, "X", tag


def conllu():
    lines = ["# newdoc"]
    for sentence in PLAIN:
        lines += ["# text = …", "1-2\tboth" + "\t_" * 8, "1.1\tnothing" + "\t_" * 8]
        lines += [f"{at}\t{word}\t_\t{tag}" + "\t_" * 6 for at, (word, tag) in enumerate(sentence, 1)] + ["", ""]
    return "\n".join(lines)


FORMS = {
    "a blank line": ("a.conll", blocks("{} {}".format)),
    "three blank lines": ("a.conll", blocks("{} {}".format, "\n\n\n")),
    "blank lines of spaces and tabs": ("a.conll", blocks("{}\t{}".format, " \n\t\n")),
    "blank lines before and behind": ("a.conll", "\n\n" + blocks("{} {}".format) + "\n\n\n"),
    "no line end at the end": ("a.conll", blocks("{} {}".format).rstrip("\n")),
    "CR LF": ("a.conll", blocks("{} {}".format, "\r\n", "\r\n")),
    "a byte order mark": ("a.conll", "\ufeff" + blocks("{} {}".format)),
    "a header, tabs": ("a.tsv", "word\tpos\n" + blocks("{}\t{}".format)),
    "a header and a blank line": ("a.conll", "Token Tag\n\n" + blocks("{} {}".format)),
    "a header with other columns": ("a.tsv", "POS\tToken\tNER_tag\n" + blocks("X\t{}\t{}".format)),
    "documents": ("a.conll", "-DOCSTART- -X- O\n\n" + blocks("{} X {}".format) + "\n\n"),
    "comments": ("a.conll", "# from a corpus of ours\n\n# id 1 of 3\n" + blocks("{}\t{}".format)),
    "commas": ("a.csv", blocks(lambda word, tag: f"{quote(word, ',')},{tag}")),
    "commas in a text": ("a.txt", blocks(lambda word, tag: f"{quote(word, ',')},{tag}")),
    "semicolons": ("a.csv", blocks("{};{}".format)),
    "words that are counted": (
        "a.txt", "\n".join("".join(f"{at} {w} {t}\n" for at, (w, t) in enumerate(s, 1)) for s in PLAIN)
    ),
    "words counted, no blank lines": (
        "a.tsv", "".join(f"{at}\t{w}\t{t}\n" for s in PLAIN for at, (w, t) in enumerate(s, 1))
    ),
    "sentence numbers, a header": ("a.tsv", table([("sentence_id", "words", "pos", "labels")], with_ids, "\t")),
    "sentence numbers, no header": ("a.tsv", table([], with_ids, "\t")),
    "sentence numbers between spaces": ("a.txt", table([], with_ids, " ")),
    "sentence numbers and blank lines": (
        "a.tsv", table([("sent_id", "word", "pos", "tag")], with_ids, "\t").replace("13\tso", "\n13\tso")
    ),
    "GMB": ("a.csv", table([("Sentence #", "Word", "POS", "Tag")], first_only, ",")),
    "GMB, no header": ("a.csv", table([], first_only, ",")),
    "an unnamed index": (
        "a.csv", table([("", "Sentence #", "Word", "Tag")], lambda n, p, w, t: (str(7 * n + p), f"s{n}", w, t), ",")
    ),
    "CoNLL-2000": ("a.txt", blocks("{} X {}".format)),
    "CoNLL-U": ("a.conllu", conllu()),
    "CoNLL-U, several blank lines": ("a.conllu", conllu().replace("\n\n", "\n\n \n\n")),
    "tabs and spaces": ("a.conll", blocks("{}\t{}".format).replace("so\t", "so ").replace("no\t", "no  ")),
    "aligned columns": ("a.conll", blocks("{:<12}   X   {}".format)),
}  # fmt: skip


def normal(text):
    """Return a text without a byte order mark, CR, the spaces of blank lines, and line ends at its end."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    return "\n".join(line if line.strip(" \t") else "" for line in lines).rstrip("\n")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_sentences_and_is_written_as_it_was_read(form, tmp_path):
    name, text = FORMS[form]
    (tmp_path / name).write_bytes(text.encode())
    data = open_tagged([tmp_path / name])
    assert pairs(data) == EXPECTED
    written = "".join(sentence.write(data.layout, sentence.tags, None) for sentence in data.sentences)
    assert normal(written) == normal(text)
    assert SentenceLayout.from_dict(data.layout.to_dict()) == data.layout


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_and_tagged_with_the_layout_of_a_model_from_files_and_streams(form, tmp_path):
    name, text = FORMS[form]
    (tmp_path / name).write_bytes(text.encode())
    layout = open_tagged([tmp_path / name]).layout
    data = open_tagged([tmp_path / name], like=layout, tagged=False)
    assert pairs(data) == EXPECTED
    sentence = data.sentences[0]
    changed = sentence.write(data.layout, ["B-X", *sentence.tags[1:]], None)
    assert changed == sentence.write(data.layout, sentence.tags, None).replace("B-LOC", "B-X")
    if form != "tabs and spaces":  # a stream is read by its first line
        streamed = list(stream_tagged(io.BytesIO(text.encode()), "standard input", layout))
        assert [sentence.words for _, sentence in streamed] == [words for words, _ in EXPECTED]
        assert normal("".join(sentence.write(own, sentence.tags, None) for own, sentence in streamed)) == normal(text)


WITHOUT_TAGS = {
    "a header, tabs": "word\nso\ngood\n\nno\n",
    "a header with other columns": "Token\tPOS\nso\tRB\ngood\tJJ\n\nno\tUH\n",
    "GMB": "Word,Sentence #\nso,s1\ngood,\nno,s2\n",
    "sentence numbers, a header": "sentence_id\tpos\twords\n1\tX\tso\n1\tX\tgood\n2\tX\tno\n",
    "sentence numbers, no header": "1\tso\tX\n1\tgood\tX\n2\tno\tX\n",
    "CoNLL-2000": "so X\ngood X\n\nno X\n",
    "commas": "so\ngood\n\nno\n",
    "a blank line": "so\n\ngood\n",
}


@pytest.mark.parametrize("form", WITHOUT_TAGS)
def test_a_file_without_tags_gets_a_last_column_and_columns_are_matched_by_name(form, tmp_path):
    name, text = FORMS[form]
    (tmp_path / name).write_bytes(text.encode())
    trained = open_tagged([tmp_path / name]).layout
    new = tmp_path / f"new{name[1:]}"
    new.write_text(WITHOUT_TAGS[form])
    data = open_tagged([new], like=trained, tagged=False)
    words = [("so",), ("good",)] if form == "a blank line" else [("so", "good"), ("no",)]
    assert [sentence.words for sentence in data.sentences] == words
    assert all(sentence.tags is None for sentence in data.sentences)
    mark = "," if name == "a.csv" else "\t" if "\t" in WITHOUT_TAGS[form] or form == "a header, tabs" else " "
    written = "".join(sentence.write(data.layout, ["T"] * len(sentence.words), None) for sentence in data.sentences)
    expected = [f"{line}{mark}T" if line else "" for line in WITHOUT_TAGS[form].rstrip("\n").split("\n")]
    if trained.header:
        expected[0] = expected[0][:-1] + trained.header[trained.tags]
    assert written.rstrip("\n").split("\n") == expected


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("GMB", "Satz,Wort\n1,so\n", "neither blank lines nor a column that numbers"),
        ("a header, tabs", "lemma\tword\nso\tso\n", "has no column 'pos'; its columns are lemma, word"),
        ("GMB", "Word,POS,Tag\nso,RB,O\ngood,JJ,O\n", "neither blank lines nor a column that numbers the sentences"),
        ("GMB", "Sentence #,Token,POS,Tag\n1,so,RB,O\n2,no,UH,O\n", "has no column 'Word'; its columns are Sentence #"),
        ("CoNLL-2000", "so RB X O\n\n", "has 4 columns, and the training data of the model had 3"),
    ],
)
def test_a_file_without_the_columns_of_the_training_data_is_refused(form, text, said, tmp_path):
    name, trained = FORMS[form]
    (tmp_path / name).write_bytes(trained.encode())
    layout = open_tagged([tmp_path / name]).layout
    (tmp_path / f"new{name[1:]}").write_text(text)
    with pytest.raises(DataError, match=said):
        open_tagged([tmp_path / f"new{name[1:]}"], like=layout)


def test_columns_are_named_by_their_header(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(FORMS["a header with other columns"][1])
    data = open_tagged([path], words="Token", tags="POS")
    assert data.sentences[0].tags == ("X",) * 4
    assert "the word is column 2 ('Token'), the tag column 1 ('POS')" in data.notes[0]
    with pytest.raises(DataError, match="has 3 columns: POS, Token, NER_tag, and 'upos' names none of them"):
        open_tagged([path], tags="upos")


def test_a_word_that_is_named_like_a_column_is_no_header(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("word tag\ngood tag\n\nno x\n")
    assert open_tagged([path]).sentences[0].words == ("word", "good")


def test_sentences_may_differ_in_their_columns_where_both_columns_are_named(tmp_path):
    path = tmp_path / "conll09.txt"
    rows = ["1\tso\tso\tRB\tx\ty", "2\tit\tit\tPRP\tx\ty", "", "1\tno\tno\tUH", ""]
    path.write_text("\n".join(rows))
    data = open_tagged([path], words="2", tags="4")
    assert pairs(data) == [(("so", "it"), ("RB", "PRP")), (("no",), ("UH",))]
    path.write_text("\n".join(["#begin document (a/b); part 000", *rows, "#end document"]).replace("\t", "   "))
    assert pairs(open_tagged([path], words="2", tags="4")) == pairs(data)
    path.write_text("\n".join([*rows[:1], "2\tit\tit\tPRP\tx", *rows[2:]]))
    with pytest.raises(DataError, match="line 2 has 5 columns, and 6 were expected"):
        open_tagged([path], words="2", tags="4")


def test_all_wrong_lines_are_reported_at_once(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("".join(f"so RB\ngood{' JJ' * (number > 13)}\n\n" for number in range(200)))
    with pytest.raises(DataError) as error:
        open_tagged([path])
    assert f"{path} line 2 has 1 column, and 2 were expected" in str(error.value)
    assert "13 lines more are wrong: 5, 8, 11, 14, 17, 20, 23, 26, 29, …" in str(error.value)


def test_a_wrong_line_of_conllu_makes_no_others_wrong(tmp_path):
    path = tmp_path / "a.conllu"
    rows = [f"{at}\tso\t_\tADV" + "\t_" * 6 for at in range(1, 6)]
    path.write_text("\n".join([rows[0], "2\tgood", *rows[2:], "", *rows]))
    with pytest.raises(DataError) as error:
        open_tagged([path])
    assert "line 2 has 2 columns" in str(error.value)
    assert "more" not in str(error.value)


def test_a_sentence_whose_lines_are_apart_is_refused(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("sentence_id\tword\ttag\n" + "1\tso\tO\n2\tno\tO\n3\tit\tO\n2\tis\tO\n")
    with pytest.raises(DataError, match="line 5: sentence '2' goes on here, behind others"):
        open_tagged([path])
    path.write_text("sentence_id\tword\ttag\n" + "1\tso\tO\n1\tso\tO\n2\tno\tO\n" * 2)
    assert len(open_tagged([path])) == 4, "the numbers begin anew, as in every document"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_another_encoding_is_refused_with_the_name_of_the_file(encoding, tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes("Zoë B-PER\nist O\n".encode(encoding))
    with pytest.raises(DataError) as error:
        open_tagged([path])
    assert str(path) in str(error.value)
    assert "UTF-8" in str(error.value)


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("B-a I-a O B-b", "iob2"),
        ("I-a I-a B-a O", "iob1"),
        ("B-a E-a O S-b", "iobes"),
        ("B-a L-a O U-b", "iobes"),
        ("DET NOUN VERB DET", None),
    ],
)
def test_the_scheme_of_chunks_is_recognised_in_a_file(tags, scheme, tmp_path):
    path = tmp_path / "a.bio"
    path.write_text("\n\n".join("\n".join(f"w{at} {tag}" for at, tag in enumerate(tags.split())) for _ in range(5)))
    assert find_scheme(sentence.tags for sentence in open_tagged([path]).sentences) == scheme


@pytest.mark.parametrize("header", ["palabra,etiqueta", "Wort,Etikett", "x,y"])
@pytest.mark.parametrize("tags", [("B-PER", "O", "O"), ("NOUN", "X", "VERB")])
def test_a_header_of_other_names_is_recognised_by_a_tag_unlike_all_others(header, tags, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        f"{header}\n" + "\n".join("".join(f"w{at},{tag}\n" for at, tag in enumerate(tags)) for _ in range(9))
    )
    data = open_tagged([path])
    assert {tag for sentence in data.sentences for tag in sentence.tags} == set(tags)
    assert data.layout.header == tuple(header.split(","))
    path.write_text(path.read_text().partition("\n")[2])
    assert pairs(open_tagged([path])) == pairs(data), "without it nothing else is read"


def test_line_ends_of_old_macs_are_refused(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes(b"so O\rgood B\r\rno O\r")
    with pytest.raises(DataError, match=r"a\.conll line 1 has a carriage return within"):
        open_tagged([path])


def test_a_wrong_tag_in_the_first_line_is_no_header(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("so Q-x\n" + "good O\nno B-x\n\n" * 20)
    assert open_tagged([path]).sentences[0].words == ("so", "good", "no")


def test_a_model_without_a_header_skips_one_of_any_names(tmp_path):
    plain = "Ana B-PER\nis O\n\n" * 20
    (tmp_path / "a.conll").write_text(plain)
    layout = open_tagged([tmp_path / "a.conll"]).layout
    for header in ("word tag", "palabra etiqueta"):
        (tmp_path / "b.conll").write_text(f"{header}\n{plain}")
        data = open_tagged([tmp_path / "b.conll"], like=layout, tagged=False)
        assert data.sentences[0].words == ("Ana", "is")
        assert data.sentences[0].write(data.layout, ["X", "Y"], None) == f"{header}\nAna X\nis Y\n\n"
