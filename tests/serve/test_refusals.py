"""What cannot be answered: a status, one sentence, and a server that goes on."""

import contextlib
import dataclasses
import json
import threading

import pytest

from asking import ask, ask_together
from elman.serve.refusals import Refusal
from elman.serve.settings import ServerLimits
from elman.serve.traffic import Traffic

ROWS = {"rows": [{"text": "so good"}]}


def refused(done, status):
    """Return the sentence of a refusal."""
    assert done.status_code == status, done.text
    text = done.json()["error"]
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) <= 600
    return text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[]", "no object"),
        (b"{}", "no rows"),
        (b'{"rows": []}', "no rows"),
        (b'{"rows": [1]}', "no rows"),
        (b'{"rows": {"text": "a"}}', "no rows"),
        (b'{"rows": [{"text": "a"}], "beam": 3}', "only rows and options"),
        (b'{"rows": [{"text": "a"}], "options": 3}', "no object"),
        (rb'{"rows": [{"text": "a \ud800"}]}', "half of a surrogate pair"),
        (b'{"rows": [{"text": "a \xed\xa0\x80"}]}', "half of a surrogate pair"),
        (b'{"rows": [{"text": NaN}]}', "NaN is no number"),
        (b'{"rows": [{"text": "a"}], "options": {"probabilities": 3}}', "must be True or False"),
        (b'{"rows": [{"text": "a"}], "options": {"picture": "/tmp/x.png"}}', "no option 'picture'"),
        (b'{"rows": [{"txt": "a"}]}', "text"),
        (b'{"rows": [{"text": ["a"]}]}', "row"),
        (b'{"rows": [{"text": 1' + b"0" * 5000 + b"}]}", "no JSON"),
    ],
)
def test_a_body_that_is_wrong_is_refused_in_a_sentence(body, says, client):
    done = client.post("/v1/models/text/predict", content=body, headers={"Content-Type": "application/json"})
    assert says in refused(done, 422)
    assert ask(client, "text", ROWS["rows"])


@pytest.mark.parametrize(
    ("model", "rows", "says"),
    [
        ("table", [{"colour": "red", "size": "NaN?", "weight": 1}], "a number"),
        ("table", [{"size": 1, "weight": 1e300}], "infinite or beyond"),
        ("genome", [{"sequence": "AC GT"}], "Only letters"),
        ("series", [{"x": [[1, 2], [3]]}], "list of numbers"),
        ("series", [{"x": "/etc/passwd"}], "a list of numbers is needed"),
        ("series", [{"x": None}], "a list of numbers is needed"),
        ("sound", [{"file": "/etc/passwd"}], "this model reads a file"),
        ("images", [{"file": "a.png"}], "this model reads a file"),
        ("speech", [{"file": "a.wav"}], "reads a file of sound"),
        ("captions", [{"features": "x"}], "no features"),
        ("captions", [{"features": [1, 2, 3, 4, 5]}], "features"),
        ("words", [{"words": []}], "word"),
        ("words", [{"text": " "}], "no words"),
        ("words", [{"words": ["a", 3]}], "word"),
        ("pairs", [{"source": "a"}], "a text is needed"),
        ("sales", [{"day": "2024-01-01", "sales": 1}], "visits"),
        ("names", [{"text": "A"}], "Give one"),
    ],
)
def test_rows_that_are_not_what_the_model_reads_are_refused(model, rows, says, client):
    done = client.post(f"/v1/models/{model}/predict", json={"rows": rows})
    assert says in refused(done, 422)


def test_no_cell_of_a_file_names_a_file_of_the_server(client, folder):
    secret = folder / "secret.csv"
    secret.write_text("1,2\n3,4\n")
    table = f"x\n{secret}\n".encode()
    for name, content in (("t.csv", table), ("t.jsonl", json.dumps({"x": str(secret)}).encode())):
        done = client.post("/v1/models/series/predict", files={"file": (name, content)})
        assert "numbers" in refused(done, 422)
    done = client.post("/v1/models/sound/predict", files={"file": ("t.csv", b"file\na.wav\n")})
    assert "reads .wav" in refused(done, 415)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.wav", b"RIFF" + bytes(90)), ("a.flac", b"fLaC" + bytes(90)), ("../../a.wav", b"no sound"), ("a.mp3", b"ID3")],
)
def test_a_file_that_is_damaged_is_refused_by_its_own_name(name, content, client):
    text = refused(client.post("/v1/models/sound/predict", files={"file": (name, content)}), 422)
    assert name.rpartition("/")[2] in text
    assert "elman-" not in text


def test_a_form_without_one_file_is_refused_and_not_logged(client, caplog):
    assert "0 files" in refused(client.post("/v1/models/text/predict", data={"a": "b"}, files={"x": (None, "y")}), 422)
    two = [("file", ("a.csv", b"text\na\n")), ("file", ("b.csv", b"text\nb\n"))]
    refused(client.post("/v1/models/text/predict", files=two), 422)
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(client.post("/v1/models/text/predict", content=b"--y\r\n", headers=broken), 422)
    unnamed = {"Content-Type": "multipart/form-data"}
    refused(client.post("/v1/models/text/predict", content=b"--y\r\n", headers=unnamed), 422)
    assert [one for one in caplog.records if "multipart" in one.name] == []


def test_bodies_rows_and_steps_have_limits(serve):
    client = serve(most_body=1, most_rows=3, most_steps=20)
    large = b"x" * (2**20 + 1)
    plain = {"Content-Type": "application/json"}
    assert "1 MB" in refused(client.post("/v1/models/text/predict", content=large, headers=plain), 413)
    pieces = (large[start : start + 2**16] for start in range(0, len(large), 2**16))
    assert "1 MB" in refused(client.post("/v1/models/text/predict", content=pieces, headers=plain), 413)
    few = [{"text": "a"}] * 4
    assert "4 rows" in refused(client.post("/v1/models/text/predict", json={"rows": few}), 413)
    table = ("a.csv", b"text\na\nb\nc\nd\n")
    assert "4 rows" in refused(client.post("/v1/models/text/predict", files={"file": table}), 413)
    for model in ("text", "pairs", "character"):
        done = client.post(f"/v1/models/{model}/predict", json={"rows": [{"text": "x" * 21}]})
        assert "21 steps" in refused(done, 422)
    done = client.post("/v1/models/words/predict", json={"rows": [{"words": ["x" * 11, "y" * 10]}]})
    assert "21 steps" in refused(done, 422)
    for asked in ({"prompt": "x" * 21}, {"length": 21}):
        assert "21 steps" in refused(client.post("/v1/models/character/generate", json=asked), 422)


def test_pieces_of_a_body_and_all_bodies_together_have_limits():
    traffic, piece = Traffic(ServerLimits(most_body=1)), bytes(2**16)
    with traffic.body() as body, contextlib.ExitStack() as others:
        for _ in range(16):
            body.add(piece)
        with pytest.raises(Refusal, match="413"):
            body.add(b"x")
        more = [others.enter_context(traffic.body()) for _ in range(16)]
        for one in more[:-1]:
            for _ in range(16):
                one.add(piece)
        with pytest.raises(Refusal, match="503"):
            more[-1].add(b"x")
        assert traffic.held == 2**24
    assert traffic.held == 0


def test_sounds_are_measured_before_they_are_read(serve, folder, monkeypatch):
    monkeypatch.setattr("elman.data.formats.sound.read_sound", None)
    client, file = serve(most_steps=3), ("a.wav", next(folder.rglob("*.wav")).read_bytes())
    for model in ("sound", "speech"):
        assert "3 are allowed" in refused(client.post(f"/v1/models/{model}/predict", files={"file": file}), 422)


def test_rows_that_wait_have_a_limit(models):
    bodies = [("text", {"rows": [{"text": "a"}] * 3}) for _ in range(4)]
    done, _ = ask_together(models, bodies, most_waiting=7)
    assert sorted(one.status_code for one in done) == [200, 200, 429, 429]
    late = next(one for one in done if one.status_code == 429)
    assert late.headers["retry-after"] == "1"
    refused(late, 429)


def test_what_takes_too_long_is_refused_and_later_requests_are_answered(models, monkeypatch):
    gate = threading.Event()
    service = models["text"].service
    waits = lambda rows, options: (gate.wait(60), service.answer(rows, options))[1]  # noqa: E731
    slow = {**models, "text": models["text"].__class__("text", "classify", _with(service, answer=waits), 1)}
    timer = threading.Timer(0.5, gate.set)
    timer.start()
    done, _ = ask_together(slow, [("text", ROWS)] * 2, seconds=0.1)
    timer.join()
    assert [one.status_code for one in done] == [503, 503]
    assert "within 0.1 s" in refused(done[0], 503)
    assert ask_together(slow, [("text", ROWS)])[0][0].status_code == 200


def _with(service, **changed):
    return dataclasses.replace(service, **changed)


@pytest.mark.parametrize("error", [KeyError, SystemExit, MemoryError])
def test_a_mistake_of_the_server_says_nothing_of_its_inside_and_the_next_request_is_answered(error, models, caplog):
    service, calls = models["text"].service, []

    def fail_once(rows, options):
        calls.append(rows)
        if len(calls) == 1:
            raise error("/home/secret")
        return service.answer(rows, options)

    broken = {"text": models["text"].__class__("text", "classify", _with(service, answer=fail_once), 1)}
    done, _ = ask_together(broken, [("text", ROWS)] * 3, batch=1)
    assert [one.status_code for one in done[1:]] == [200, 200]
    text = refused(done[0], 503 if error is MemoryError else 500)
    assert "secret" not in text
    assert ("secret" in caplog.text) == (error is not MemoryError)


def test_addresses_and_methods_that_are_not_there(client):
    for method, path, status in (
        ("GET", "/no", 404),
        ("GET", "/assets/../app.py", 404),
        ("GET", "/assets/%2e%2e%2fapp.py", 404),
        ("POST", "/v1/models/no/predict", 404),
        ("POST", "/v1/models/text/generate", 404),
        ("GET", "/v1/models/text/predict", 405),
        ("GET", "/docs", 404),
    ):
        refused(client.request(method, path), status)
    done = client.post("/v1/models/text/predict", content=b"a", headers={"Content-Type": "application/zip"})
    assert "application/json, .csv" in refused(done, 415)
