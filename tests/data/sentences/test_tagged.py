"""Read tagged sentences in every form, write them back, and refuse what is not whole."""

import gzip
import io

import pytest

from elman.data.sentences.layout import SentenceLayout
from elman.data.sentences.opening import open_tagged, stream_tagged
from elman.errors import DataError
from taggable import make_chunks, make_sentences, write_columns, write_conllu, write_folder

ROW = "1\tso\t_\tADV\t_\t_\t_\t_\t_\t_\n"


def read_pairs(found):
    return [(list(one.words), list(one.tags)) for one in found.sentences]


@pytest.mark.parametrize("name", ["a.conllu", "a.conllu.gz", "unnamed.txt"])
def test_conllu_gives_words_and_their_upos(tmp_path, name):
    found = open_tagged([write_conllu(tmp_path / name)])
    assert read_pairs(found) == make_sentences()
    assert found.layout.form == "conllu"
    assert "upos" in found.notes[0]
    # Two comments and a range stand before the first word.
    assert found.sentences[0].where == f"{tmp_path / name} line 4"


def test_another_column_of_conllu_can_be_the_tag(tmp_path):
    found = open_tagged([write_conllu(tmp_path / "a.conllu")], tags="xpos")
    assert found.sentences[0].tags[0] == "det"
    assert open_tagged([tmp_path / "a.conllu"], tags="5").sentences == found.sentences


def test_a_comment_of_conllu_can_be_the_label(tmp_path):
    found = open_tagged([write_conllu(tmp_path / "a.conllu")], label="mood")
    assert [one.label for one in found.sentences[:3]] == ["even", "odd", "even"]


@pytest.mark.parametrize("between", [" ", "\t", "   "])
def test_columns_give_the_first_and_the_last(tmp_path, between):
    found = open_tagged([write_columns(tmp_path / "a.conll", between=f"{between}x{between}")])
    assert read_pairs(found) == make_sentences()
    assert (found.layout.words, found.layout.tags, found.layout.tabs) == (0, 2, between == "\t")


def test_columns_that_count_their_words_are_recognised(tmp_path):
    (tmp_path / "a.txt").write_text("1 so RB\n2 good JJ\n\n1 no UH\n")
    assert read_pairs(open_tagged([tmp_path / "a.txt"])) == [(["so", "good"], ["RB", "JJ"]), (["no"], ["UH"])]


def test_a_hash_is_a_word_where_its_line_has_all_columns_and_marks_of_documents_are_none(tmp_path):
    (tmp_path / "a.conll").write_text("-DOCSTART- -X-\n\n\n# NN\n3 CD\n\n-DOCSTART- -X-\n\n# a long comment\nno UH\n")
    assert read_pairs(open_tagged([tmp_path / "a.conll"])) == [(["#", "3"], ["NN", "CD"]), (["no"], ["UH"])]


def test_a_folder_and_three_files_are_the_same(tmp_path):
    folder = write_folder(tmp_path / "trips")
    found = open_tagged([folder])
    assert read_pairs(found) == [(words, tags) for words, tags, _ in make_chunks()]
    assert [one.label for one in found.sentences] == [label for _, _, label in make_chunks()]
    parts = [folder / name for name in ("seq.in", "seq.out", "label")]
    assert open_tagged(parts).sentences == found.sentences
    assert read_pairs(open_tagged(parts[:2])) == read_pairs(found)
    assert open_tagged(parts[:2]).layout.label is None


def test_sentences_come_out_as_they_were_read(tmp_path):
    path = write_conllu(tmp_path / "a.conllu")
    found = open_tagged([path])
    assert "".join(one.write(found.layout, one.tags, None) for one in found.sentences) == path.read_text()
    changed = found.sentences[0].write(found.layout, ["X"] * 5, None).splitlines()
    assert changed[3].split("\t") == ["1", *found.sentences[0].words[:1] * 2, "X", "det", *"_____"]


def test_a_label_is_written_as_a_comment_once(tmp_path):
    found = open_tagged([write_conllu(tmp_path / "a.conllu")], label="mood")
    written = found.sentences[1].write(found.layout, found.sentences[1].tags, "new").splitlines()
    assert written[0] == "# mood = new"
    assert not any("odd" in line for line in written)


def test_columns_without_tags_get_some_behind(tmp_path):
    like = open_tagged([write_columns(tmp_path / "a.conll", between="\t")]).layout
    (tmp_path / "b.conll").write_text("the\ndog\n\nso\n")
    found = open_tagged([tmp_path / "b.conll"], like=like, tagged=False)
    assert found.sentences[0].write(found.layout, ["DET", "NOUN"], None) == "the\tDET\ndog\tNOUN\n\n"
    assert len(found) == 2
    (tmp_path / "c.conll").write_text("the\ndog\nbarks\n")
    assert len(open_tagged([tmp_path / "c.conll"], like=like, tagged=False)) == 1
    (tmp_path / "d.txt").write_text("the dog barks\n")
    assert open_tagged([tmp_path / "d.txt"], like=like, tagged=False).sentences[0].words == ("the", "dog", "barks")


def test_a_stream_gives_each_sentence_as_soon_as_it_is_whole():
    class Pipe(io.RawIOBase):
        def __init__(self, raw):
            self.lines, self.taken = raw.splitlines(keepends=True), 0

        def readline(self, size=-1):
            self.taken += 1
            return self.lines[self.taken - 1] if self.taken <= len(self.lines) else b""

    pipe = Pipe(b"the\ndog\n\nso\n\n")
    found = stream_tagged(pipe, "standard input", SentenceLayout("columns"))
    assert next(found)[1].words == ("the", "dog")
    assert pipe.taken == 3
    plain = list(stream_tagged(Pipe(b"the dog sees it\nso good\n"), "standard input", SentenceLayout("conllu", 1, 3)))
    assert [(layout.form, one.words) for layout, one in plain] == [
        ("parallel", ("the", "dog", "sees", "it")), ("parallel", ("so", "good")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.conllu", ROW + "2\tgood\n\n", "a.conllu line 2 has 2 columns, and CoNLL-U has 10"),
        ("a.conllu", ROW + ROW, "line 2 begins with '1', and word 2"),
        ("a.conllu", ROW.replace("ADV", "_"), "line 1 has no upos"),
        ("a.conllu", "# text = so\n\n" + ROW, "line 1: an empty sentence, with comments"),
        ("a.conll", "so RB\ngood\n\nno UH\n", "a.conll line 2 has 1 column, and 2 were expected"),
        ("a.conll", "so\tRB\ngood\t\n", "line 2 has an empty column"),
        ("a.conll", "so\ngood\n\nno\n", "has 1 column, and a word and its tag need two"),
        ("a.conll", "\n\n", "has only blank lines"),
        ("a.conll", "", "a.conll is empty"),
        ("a.csv", "text,tag\n", "has no sentences"),
        ("a.jsonl", "{}\n", "is of a form from which no tagged sentences"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_with_its_line(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        open_tagged([tmp_path / name])
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("words", "tags", "labels", "said"),
    [
        ("so good\nno\n", "RB JJ\n", "x\ny\n", "has 2 lines, and there are 1 lines of tags"),
        ("so good\nno\n", "RB JJ\nUH UH\n", "x\ny\n", "line 2 has 1 word, and"),
        ("so good\n\nno\n", "RB JJ\n\nUH\n", "x\ny\nz\n", "seq.in line 2: an empty sentence"),
        ("so good\nno\n", "RB JJ\nUH\n", "x\n", "lines of labels"),
        ("so good\nno\n", "RB JJ\nUH\n", "\ny\n", "line 1 has no label"),
    ],
)
def test_files_that_are_not_parallel_are_refused(tmp_path, words, tags, labels, said):
    for name, text in (("seq.in", words), ("seq.out", tags), ("label", labels)):
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        open_tagged([tmp_path])
    assert said in str(error.value)


def test_lines_that_are_blank_in_all_parallel_files_separate_nothing(tmp_path):
    for name, text in (("seq.in", "so good\n\n\nno\n\n"), ("seq.out", "RB JJ\n\n \nUH\n"), ("label", "x\n\n\ny\n")):
        (tmp_path / name).write_text(text)
    data = open_tagged([tmp_path])
    assert read_pairs(data) == [(["so", "good"], ["RB", "JJ"]), (["no"], ["UH"])]
    assert [sentence.label for sentence in data.sentences] == ["x", "y"]
    (tmp_path / "seq.out").write_text("RB\n\n\nUH UH\n")
    with pytest.raises(DataError, match=r"seq\.in line 1 has 2 words.* 1 line more is wrong: 4"):
        open_tagged([tmp_path])


def test_the_old_name_of_the_module_warns():
    with pytest.warns(DeprecationWarning, match=r"elman\.data\.tagged\.open_tagged is now elman\.data\.sentences"):
        from elman.data.tagged import open_tagged as old
    assert old is open_tagged


def test_an_empty_sentence_in_parallel_files_is_reported_as_such(tmp_path):
    folder = write_folder(tmp_path / "trips", 20)
    lines = (folder / "seq.in").read_text().splitlines()
    lines[6] = ""
    (folder / "seq.in").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"seq\.in line 7: an empty sentence"):
        open_tagged([folder / "seq.in", folder / "seq.out"])


def test_a_gzip_file_that_is_cut_short_is_refused_and_one_that_was_unpacked_is_read(tmp_path):
    whole = gzip.compress(b"so RB\n" * 1000)
    (tmp_path / "a.conll.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be unpacked"):
        open_tagged([tmp_path / "a.conll.gz"])
    (tmp_path / "b.conll.gz").write_bytes(b"so RB\n")
    assert open_tagged([tmp_path / "b.conll.gz"]).sentences[0].words == ("so",)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tags": "9"}, "'9' names none of them"),
        ({"tags": "upos"}, "'upos' names none of them"),
        ({"tags": "1"}, "a word and its tag need two"),
    ],
)
def test_a_column_that_is_not_there_is_refused(tmp_path, options, said):
    with pytest.raises(DataError) as error:
        open_tagged([write_columns(tmp_path / "a.conll")], **options)
    assert said in str(error.value)


def test_a_label_that_is_missing_in_one_sentence_is_reported(tmp_path):
    (tmp_path / "a.conllu").write_text("# mood = x\n" + ROW + "\n" + ROW)
    with pytest.raises(DataError, match=r"line 4: the sentence has no comment `# mood = …`"):
        open_tagged([tmp_path / "a.conllu"], label="mood")


def test_comments_of_as_many_cells_as_a_word_are_no_words_and_come_back(tmp_path):
    path = tmp_path / "news.tsv"
    path.write_text(
        "#\thttp://a.example/1\t[2010-07-04]\t\n1\tGleich\tO\tO\n2\tRom\tB-LOC\tO\n\n"
        "#\thttp://a.example/2\t[2010-07-05]\t\n1\t#\tO\tO\n2\tda\tO\tO\n"
    )
    found = open_tagged([path], tags="3")
    assert read_pairs(found) == [(["Gleich", "Rom"], ["O", "B-LOC"]), (["#", "da"], ["O", "O"])]
    plain = tmp_path / "plain.tsv"
    plain.write_text("#\tO\nso\tO\n\n#\tX\nda\tO\n")
    assert [one.words for one in open_tagged([plain]).sentences] == [("#", "so"), ("#", "da")]


def test_a_sentence_and_its_tags_on_one_line_are_refused_with_what_to_do(tmp_path):
    path = tmp_path / "atis.iob"
    path.write_text("BOS to rome EOS\tO O B-to flight\nBOS from new york EOS\tO O B-from I-from flight\n")
    with pytest.raises(DataError, match=r"a sentence and its tags on each line.*cut -f1"):
        open_tagged([path])
