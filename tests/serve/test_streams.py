"""Texts that come as events, and streams that keep the state of one client."""

import pytest

import elman
from asking import denied, events
from elman.serve.settings import ServerLimits
from elman.serve.traffic import Traffic
from untrained import make_transcriber, sound_of

ASKED = {"prompt": "the ", "length": 40, "seed": 3, "temperature": 1.1}


@pytest.mark.parametrize("name", ["character", "word", "subword"])
def test_events_hold_the_text_of_generate(name, folder, client):
    done = client.post(f"/v1/models/{name}/generate", json=ASKED)
    assert done.headers["content-type"].startswith("text/event-stream")
    found = events(done.text)
    expected = list(elman.load(folder / f"{name}.model").generate(**ASKED))
    assert "".join(data["text"] for kind, data in found if kind == "piece") == "".join(expected)
    assert found[-1] == ("end", {"units": 40})


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"prompt": "ζ"}, "ζ"),
        ({"temperature": -1}, "temperature"),
        ({"length": 0}, "length"),
        ({"length": "9"}, "length"),
        ({"prompt": 3}, "prompt"),
        ({"top_p": 2}, "top_p"),
        ({"model": "x"}, "no option 'model'"),
        ({"given": "Irish"}, "no classes"),
    ],
)
def test_a_text_that_cannot_be_written_is_refused_before_it_begins(asked, says, client):
    done = client.post("/v1/models/character/generate", json=asked)
    assert done.status_code == 422
    assert says in done.json()["error"]


def test_a_growing_text_has_the_continuations_of_the_whole(folder, client):
    for name, pieces in (("character", ["th", "", "e c", "a"]), ("word", ["the cat", " sat on", " the"])):
        model, text = elman.load(folder / f"{name}.model"), ""
        with client.websocket_connect(f"/v1/models/{name}/stream?top=4") as stream:
            for piece in pieces:
                text += piece
                stream.send_text(piece)
                found = [(one[name], one["probability"]) for one in stream.receive_json()["next"]]
                assert found == model.next(text, top=4)
            stream.send_text('{"end": true}')
            assert stream.receive_json() == {"end": True}


def test_a_message_that_is_refused_leaves_the_state_as_it_was(folder, client):
    model = elman.load(folder / "character.model")
    with client.websocket_connect("/v1/models/character/stream?top=1") as stream:
        for message in ("the ", "caζ"):
            stream.send_text(message)
            answer = stream.receive_json()
        assert "ζ" in answer["error"]
        stream.send_bytes(b"cat")
        assert "Send it as text" in stream.receive_json()["error"]
        stream.send_text("cat")
        [found] = stream.receive_json()["next"]
    assert found["probability"] == model.next("the cat", top=1)[0][1]


def test_two_clients_have_two_states(folder, client):
    model = elman.load(folder / "character.model")
    path = "/v1/models/character/stream?top=1"
    with client.websocket_connect(path) as one, client.websocket_connect(path) as other:
        texts = {one: "", other: ""}
        for stream, piece in ((one, "th"), (other, "do"), (one, "e "), (other, "g s")):
            texts[stream] += piece
            stream.send_text(piece)
            [found] = stream.receive_json()["next"]
            assert found["probability"] == model.next(texts[stream], top=1)[0][1]


def test_samples_become_the_transcript_of_the_whole_sound(serve, models, monkeypatch):
    from elman.serve.models import ServedModel
    from elman.tasks.transcribe.served import serve as serve_speech

    trained = make_transcriber()
    monkeypatch.setitem(models, "heard", ServedModel("heard", "transcribe", serve_speech(trained), 1))
    samples = (sound_of(3) * 2**14).astype("<i2")
    stream = trained.stream()
    expected = stream.hear(samples).text + stream.end().text
    raw, text = samples.tobytes(), ""
    with serve().websocket_connect("/v1/models/heard/stream") as socket:
        for start in range(0, len(raw), 1237):
            socket.send_bytes(raw[start : start + 1237])
            text += socket.receive_json()["text"]
        socket.send_text('{"end": true}')
        last = socket.receive_json()
    assert len(expected) > 3
    assert (text + last["text"], last["end"]) == (expected, True)


def test_streams_have_a_limit_and_are_given_back(serve):
    client = serve(most_streams=2)
    path = "/v1/models/character/stream"
    for _ in range(3):
        with client.websocket_connect(path) as one, client.websocket_connect(path):
            assert denied(client, path) == 503
            assert client.post("/v1/models/character/generate", json=ASKED).status_code == 503
            one.send_text("the")
            assert one.receive_json()["next"]
    assert client.post("/v1/models/character/generate", json=ASKED).status_code == 200
    assert client.post("/v1/models/character/generate", json={"prompt": "ζ"}).status_code == 422
    assert "elman_open_streams 0" in client.get("/metrics").text


def test_streams_that_say_nothing_or_too_much_are_closed(serve):
    for seconds, messages, code in ((0.2, [], 1013), (60, ["x" * 31], 1009)):
        client = serve(most_steps=30, stream_seconds=seconds)
        with client.websocket_connect("/v1/models/character/stream") as stream:
            for one in messages:
                stream.send_text(one)
            assert stream.receive()["code"] == code


def test_a_model_without_a_stream_has_none(client):
    for name in ("text", "subword", "speech", "no"):
        assert denied(client, f"/v1/models/{name}/stream") == 404


def test_a_server_that_stops_closes_its_streams_and_takes_no_requests(serve):
    traffic = Traffic(ServerLimits())
    client = serve(traffic=traffic)
    with client.websocket_connect("/v1/models/character/stream") as stream:
        client.portal.call(traffic.stopped.set)
        assert stream.receive()["code"] == 1001
    assert client.get("/ready").status_code == client.get("/v1/models").status_code == 503
    assert client.get("/health").status_code == 200
