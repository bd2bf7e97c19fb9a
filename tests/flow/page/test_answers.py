"""Answers on a page: which way round a matrix stands, which classes it has, and what small pictures show."""

import base64
import io
import re

import numpy as np
from PIL import Image

from balanced import Balanced
from elman.flow.page.answers import Shown, choose_confused, draw_confusion, draw_examples
from elman.flow.page.thumbnails import draw_image, draw_spectrogram

COUNTS = [[7, 2, 0], [0, 5, 3], [11, 0, 13]]


def cells_of(table):
    rows = re.findall(r"<tr>(.*?)</tr>", table)
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


def test_a_row_of_a_matrix_is_a_true_class_and_a_column_an_answer():
    head, *rows = cells_of(draw_confusion(["a", "b", "c"], COUNTS))
    assert head == ["true ↓ &nbsp; answer →", "a", "b", "c"]
    assert rows == [["a", "7", "2", "·"], ["b", "·", "5", "3"], ["c", "11", "·", "13"]]


def test_a_cell_is_coloured_by_its_share_of_the_row_and_says_so():
    table = draw_confusion(["a", "b", "c"], COUNTS)
    assert 'title="c answered as a: 11, 45.8% of its row"' in table
    (cell,) = re.findall(r'<td style="([^"]*)" title="c answered as a', table)
    assert f"var(--red) {60 * 11 / 24:.0f}%" in cell
    (right,) = re.findall(r'<td style="([^"]*)" title="b answered as b', table)
    assert f"var(--green) {60 * 5 / 8:.0f}%" in right


def test_of_many_classes_those_of_the_most_confused_pairs_are_drawn():
    drawn = np.random.default_rng(3)
    counts = drawn.integers(0, 3, (11, 11))
    counts[7, 2], counts[4, 9], counts[2, 5] = 40, 30, 20
    names = [f"class {k}" for k in range(11)]
    shown, rows, said = choose_confused(names, counts.tolist(), 5)
    assert shown == ["class 2", "class 4", "class 5", "class 7", "class 9"]
    assert rows[3][0] == 40
    assert rows[1][4] == 30
    assert rows == counts[np.ix_([2, 4, 5, 7, 9], [2, 4, 5, 7, 9])].tolist()
    assert "5 of 11 classes" in said
    assert choose_confused(names[:3], COUNTS, 5) == (names[:3], COUNTS, "")


def test_names_and_texts_are_never_markup():
    table = draw_confusion(["<script>", '"><b>'], [[1, 2], [3, 4]])
    listed = draw_examples([Shown("<i>", "<script>", "so <u>good</u> and good", (0, 2)), Shown("at", "says")])
    assert not Balanced(table + listed).tags & {"script", "u", "i"}
    assert Balanced(listed).words.count("so") == 1
    assert "<mark>so</mark> &lt;u&gt;good" in listed


def test_a_mark_is_at_its_place_where_a_word_occurs_twice():
    assert "good and <mark>good</mark>" in draw_examples([Shown("w", "s", "good and good", (9, 13))])


def pixels_of(drawing):
    return np.array(Image.open(io.BytesIO(base64.b64decode(drawing.split("base64,")[1].split('"')[0]))))


def test_an_image_is_shown_upright_in_its_colours_and_small():
    image = np.zeros((200, 100, 3), np.uint8)
    image[:100, :, 0], image[100:, :50, 2] = 255, 255
    found = pixels_of(draw_image(image, "a"))
    assert max(found.shape[:2]) <= 96
    assert found[0, 0].tolist() == [255, 0, 0, 255]
    assert found[-1, 0].tolist() == [0, 0, 255, 255]
    assert found[-1, -1].tolist() == [0, 0, 0, 255]
    assert 'width="48" height="96"' in draw_image(image, "a")
    assert pixels_of(draw_image(np.full((5, 7, 1), 9, np.uint8), "a"))[0, 0].tolist() == [9, 9, 9, 255]


def test_a_spectrogram_has_time_to_the_right_and_low_bands_below():
    energies = np.full((1000, 40), -18.0)
    energies[900:, :5] = 0.0
    found = pixels_of(draw_spectrogram(energies, "a")).astype(int)
    bright = found[..., :3].sum(-1)
    assert found.shape[0] == 40
    assert found.shape[1] <= 320
    assert (bright[-5:, -5:] > bright[0, 0]).all()
    assert bright[:5].max() == bright[0, 0]
    assert bright[-5:, : found.shape[1] // 2].max() == bright[0, 0]
