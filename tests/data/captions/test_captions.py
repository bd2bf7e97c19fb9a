"""Captions and their pictures: every form, what has no other half, photos of every kind, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from elman.data.captions.opening import open_captions
from elman.data.captions.pictures import GivenPictures, PictureFiles, open_pictures
from elman.errors import DataError

ROWS = [("b.png", "Two birds ."), ("a.png", "a dog runs"), ("b.png", "birds, high")]
FOUND = [("b.png", ("Two birds .", "birds, high")), ("a.png", ("a dog runs",))]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for shade, name in enumerate(("a.png", "b.png")):
        Image.fromarray(np.full((5, 7, 3), 50 + shade, np.uint8)).save(folder / name)
    return folder


def _coco(rows):
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in rows), start=40)}
    return json.dumps(
        {
            "info": {},
            "images": [{"id": number, "file_name": name} for name, number in numbers.items()],
            "annotations": [{"id": 3, "image_id": numbers[name], "caption": text} for name, text in rows],
        }
    )


FORMS = {
    "c.csv": 'image,caption\nb.png,Two birds .\na.png,a dog runs\nb.png,"birds, high"\n',
    "captions.txt": 'image,caption\nb.png,Two birds .\na.png,a dog runs\nb.png,"birds, high"\n',
    "c.tsv": "caption\tfile_name\nTwo birds .\tb.png\na dog runs\ta.png\nbirds, high\tb.png\n",
    "c.jsonl": '{"file_name": "b.png", "captions": ["Two birds .", "birds, high"]}\n'
    '{"file_name": "a.png", "captions": ["a dog runs"]}\n',
    "Flickr8k.token.txt": "b.png#0\tTwo birds .\na.png#0\ta dog runs\nb.png#1\tbirds, high\n",
    "c.json": _coco(ROWS),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_which_captions_belong_to_a_picture(name, photos, tmp_path):
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8")
    for found in (open_captions(tmp_path / name, photos), open_captions([tmp_path / name, photos])):
        assert [(one.name, one.captions) for one in found.items] == FOUND
        assert [found.pictures.read(one.index)[0, 0, 0] for one in found.items] == [51, 50]
        assert "3 captions of 2 photos, 1 to 2 each" in found.notes[0]


def test_pictures_lie_beside_their_captions_unless_they_are_named(photos):
    (photos / "c.csv").write_text(FORMS["c.csv"])
    assert [one.name for one in open_captions(photos / "c.csv").items] == ["b.png", "a.png"]


def test_what_has_no_other_half_is_left_out_and_said(photos, tmp_path):
    (tmp_path / "c.csv").write_text("image,caption\na.png,a dog\na.png, .\nz.png,a cat\nz.png,the cat\n")
    found = open_captions(tmp_path / "c.csv", photos)
    assert [(one.name, one.captions) for one in found.items] == [("a.png", ("a dog",))]
    notes = " ".join(found.notes)
    assert f"1 caption without letters is left out: {tmp_path / 'c.csv'} line 3." in notes
    assert f"1 picture that captions name is not there and left out: z.png ({tmp_path / 'c.csv'} line 4)." in notes
    assert "1 picture without a caption is left out: b.png." in notes


def test_a_name_that_fits_two_pictures_needs_its_path(photos, tmp_path):
    (photos / "more").mkdir()
    Image.new("L", (3, 2), 9).save(photos / "more" / "a.png")
    table = tmp_path / "c.csv"
    table.write_text("image,caption\nmore/a.png,grey\nb.png,birds\n")
    found = open_captions(table, photos)
    assert [found.pictures.read(one.index).shape for one in found.items] == [(2, 3, 1), (5, 7, 3)]
    table.write_text("image,caption\nsome/where/a.png,grey\n")
    with pytest.raises(DataError, match=r"c.csv line 2: 'some/where/a.png' fits 2 pictures .*Write the path"):
        open_captions(table, photos)


def test_an_npz_has_photos_or_features_by_name(tmp_path):
    numbers = np.random.default_rng(1).normal(size=(2, 5, 2, 3))
    (tmp_path / "c.csv").write_text(FORMS["c.csv"])
    np.savez(tmp_path / "f.npz", features=numbers, names=["a.png", "b.png"])
    found = open_captions([tmp_path / "c.csv", tmp_path / "f.npz"])
    assert found.pictures.kind == "features"
    assert np.array_equal(found.pictures.read(found.items[0].index), numbers[1].astype(np.float32))
    np.savez(tmp_path / "g.npz", features=numbers[:, :, 0, 0], names=["a.png", "b.png"])
    assert open_pictures(tmp_path / "g.npz").read(1).shape == (5, 1, 1)
    np.savez_compressed(tmp_path / "i.npz", images=np.zeros((2, 4, 6), np.uint8), names=np.array([b"a.png", b"b.png"]))
    assert open_pictures(tmp_path / "i.npz").read(1).shape == (4, 6, 1)


def test_a_photo_of_every_kind_is_read_upright_and_in_bytes(tmp_path):
    upright = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    turned = Image.fromarray(np.rot90(upright).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    whole = Image.fromarray(upright)
    whole.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    whole.convert("L").save(tmp_path / "grey.png")
    Image.fromarray(upright[..., 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    whole.putalpha(Image.new("L", (7, 5), 0))
    whole.save(tmp_path / "clear.png")
    frames = [Image.new("L", (7, 5), shade) for shade in (40, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    pictures = open_pictures(tmp_path)
    found = {name: pictures.read(index) for index, name in enumerate(pictures.names)}
    assert np.array_equal(found["turned.png"], upright)
    assert found["cmyk.jpg"].shape == (5, 7, 3)
    assert found["grey.png"].shape == (5, 7, 1)
    assert np.array_equal(found["deep.png"][..., 0], upright[..., 0])
    assert (found["clear.png"] == 255).all()
    assert abs(int(found["moving.gif"].mean()) - 40) <= 1


def test_equal_pictures_have_one_fingerprint(photos, tmp_path):
    (photos / "copy.png").write_bytes((photos / "a.png").read_bytes())
    pictures = open_pictures(photos)
    prints = dict(zip(pictures.names, map(pictures.fingerprint, range(3)), strict=True))
    assert prints["a.png"] == prints["copy.png"] != prints["b.png"]
    given = GivenPictures([np.zeros((3, 2, 3), np.uint8), np.zeros((3, 2, 3), np.uint8), np.ones((3, 2, 3), np.uint8)])
    assert given.fingerprint(0) == given.fingerprint(1) != given.fingerprint(2)


REFUSED = {
    "c.csv": ("image,picture\na.png,b\n", "has no column caption, captions or the like"),
    "d.csv": ("image,caption\nz.png,a cat\n", "names no picture of .* 'z.png'"),
    "c.json": ("[1, 2", "is no JSON"),
    "d.json": ("[1, 2]", "has no lists images and annotations"),
    "e.json": ('{"images": [{"id": 1}], "annotations": []}', "images, number 0: no id or no file_name"),
    "f.json": ('{"images": [], "annotations": [{"image_id": 7, "caption": "a"}]}', "no image has the id 7"),
    "c.txt": ("a.png#0\ta dog\nno tab\n", "line 2 has no tab"),
    "c.pdf": ("%PDF", "no form of captions that is known"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_list_of_captions_is_refused_in_a_line(name, photos, tmp_path):
    content, message = REFUSED[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message) as refused:
        open_captions(tmp_path / name, photos)
    assert "\n" not in str(refused.value)


ARRAYS = {
    "neither": ({"x": np.zeros(3)}, "Save either images"),
    "both": ({"images": np.zeros((2, 3, 3), np.uint8), "features": np.zeros((2, 3))}, "Save either images"),
    "flat": ({"images": np.zeros(3, np.uint8)}, r"the shape \(3,\)"),
    "floats": ({"images": np.zeros((2, 3, 3)), "names": ["a", "b"]}, "A photo is uint8"),
    "twice": ({"features": np.zeros((2, 3)), "names": ["a", "a"]}, "names that occur twice: a"),
    "fewer": ({"features": np.zeros((2, 3)), "names": ["a"]}, "the 2 names"),
    "none": ({"features": np.zeros((2, 3))}, "has no array names"),
    "text": ({"features": np.array([["a"], ["b"]]), "names": ["a", "b"]}, "Features are numbers"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_no_pictures_are_refused(name, tmp_path):
    arrays, message = ARRAYS[name]
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=message):
        open_pictures(tmp_path / "f.npz")


def test_broken_photos_numbers_that_are_not_finite_and_mixed_kinds_are_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    with pytest.raises(DataError, match=r"a.jpg"):
        PictureFiles("photos", [tmp_path / "a.jpg"], ["a"]).read(0)
    with pytest.raises(DataError, match=r"pictures, number 1: a number is NaN"):
        GivenPictures([np.zeros(3), np.array([1.0, np.nan, 2.0])]).read(1)
    with pytest.raises(DataError, match="photos and features together"):
        GivenPictures([np.zeros((3, 3, 3), np.uint8), np.zeros(4)])


def test_captions_come_before_their_pictures_and_these_once(photos, tmp_path):
    (tmp_path / "c.csv").write_text(FORMS["c.csv"])
    with pytest.raises(DataError, match="Name the file of captions first"):
        open_captions(photos)
    with pytest.raises(DataError, match="Drop one of the two"):
        open_captions([tmp_path / "c.csv", photos], photos)
