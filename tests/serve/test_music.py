"""Music over HTTP: the pieces of `elman compose`, from nothing, behind a beginning, and below a melody."""

import base64
import dataclasses
import io
import json
import wave

import pytest

import elman
from asking import ask, ask_together
from elman.data.music.midi import MidiChoice, parse_midi, write_midi
from elman.data.music.piece import Playing
from elman.serve.models import ServedModel
from elman.tasks.compose.served import serve as serve_music
from elman.tasks.contract import Request
from elman.tasks.registry import recipe_of

PREDICT = "/v1/models/music/predict"


def composed(folder, tmp_path, **options):
    """Return the bytes that `elman compose` writes, and what it says."""
    recipe, path = recipe_of(folder / "music.model"), tmp_path / "new.mid"
    chosen = recipe.part("settings", "CompositionOptions")(output=str(path), **options)
    request = Request(folder / "music.model", [], chosen, True, True, lambda _: None)
    said = "".join(recipe.part("commands", "compose")(request))
    return path.read_bytes(), json.loads(said)


def notes_of(raw):
    return parse_midi(raw, "a.mid", MidiChoice(grid=16)).pieces[0].frames


def test_a_piece_is_that_of_the_command_whatever_is_asked_beside_it(folder, tmp_path, models):
    raw, said = composed(folder, tmp_path, bars=2, seed=7, tab=True)
    options = {"bars": 2, "seed": 7, "tab": True, "sound": "tone"}
    bodies = [
        ("music", {"rows": [{}], "options": one}) for one in (options, {"bars": 1}, options, {**options, "seed": 6})
    ]
    done, _ = ask_together(models, bodies)
    first, other, again, before = (one.json()["answers"][0] for one in done)
    assert base64.b64decode(first["midi"]) == raw
    assert {name: first[name] for name in said} == said
    assert first == again != before
    assert (other["bars"], "tab" in other, "wav" in other) == (1, False, False)
    with wave.open(io.BytesIO(base64.b64decode(first["wav"]))) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(first["seconds"] + 1, abs=0.01)


def test_several_rows_have_the_next_seeds_each(folder, client):
    two = ask(client, "music", [{}, {}], bars=1, seed=4)
    alone = [ask(client, "music", [{}], bars=1, seed=seed)[0] for seed in (4, 5)]
    assert two == alone
    assert [one["seed"] for one in two] == [4, 5]


def test_a_beginning_is_continued_and_a_melody_harmonised(folder, tmp_path, client):
    song = next((folder / "songs").rglob("*.mid"))
    raw, _ = composed(folder, tmp_path, primer=str(song), bars=1, seed=3)
    form = {"files": {"file": (song.name, song.read_bytes())}, "data": {"bars": "1", "seed": "3"}}
    done = client.post(PREDICT, **form).json()["answers"][0]
    assert base64.b64decode(done["midi"]) == raw
    assert done["given_seconds"] > 0
    form["data"]["without_primer"] = "true"
    rest = client.post(PREDICT, **form).json()["answers"][0]
    assert rest["given_seconds"] == 0
    assert rest["seconds"] == pytest.approx(done["seconds"] - done["given_seconds"])
    music = elman.load(folder / "music.model").music
    pitch = (music.lowest + music.highest) // 2
    tune = write_midi([(pitch,), (pitch + 128,), (pitch + 1,), ()] * 4, Playing(), 16)
    melody = {"files": {"file": ("m.mid", tune)}, "data": {"harmonise": "true", "seed": "5"}}
    below = client.post(PREDICT, **melody).json()["answers"][0]
    found = notes_of(base64.b64decode(below["midi"]))
    assert [frame[0] for frame in found[:3]] == [pitch, pitch + 128, pitch + 1]
    assert (below["given_seconds"], below["bars"]) == (0, 1)


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([{"bars": 3}], {}, "an empty object"),
        ([{}] * 9, {}, "9 pieces"),
        ([{}], {"bars": 0}, "bars"),
        ([{}], {"bars": 2.5}, "bars"),
        ([{}], {"given": "Bach"}, "no classes"),
        ([{}], {"harmonise": True}, "Send one"),
        ([{}], {"sound": "organ"}, "sound"),
        ([{}], {"picture": "/tmp/x.png"}, "no option 'picture'"),
    ],
)
def test_what_cannot_be_composed_is_refused(rows, options, says, client):
    done = client.post(PREDICT, json={"rows": rows, "options": options})
    assert (done.status_code, says in done.json()["error"]) == (422, True), done.text


def test_files_that_are_no_music_and_pieces_that_are_too_long_are_refused(serve, folder):
    client = serve(most_steps=20)
    for content in (b"MThd", b"", b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0"):
        done = client.post(PREDICT, files={"file": ("a.mid", content)}, data={"bars": "1"})
        assert done.status_code == 422
        assert "elman-" not in done.text
    done = client.post(PREDICT, json={"rows": [{}], "options": {"bars": 2}})
    assert "32 steps" in done.json()["error"]


def test_drums_have_no_sound_and_no_tablature(folder, models, monkeypatch, serve):
    trained = elman.load(folder / "music.model")
    drums = dataclasses.replace(trained, music=dataclasses.replace(trained.music, drums=True))
    monkeypatch.setitem(models, "drums", ServedModel("drums", "compose", serve_music(drums), 1))
    done = serve().post("/v1/models/drums/predict", json={"rows": [{}], "options": {"sound": "tone"}})
    assert (done.status_code, "no pitches" in done.text) == (422, True)
