"""The command: a server on a port that is asked over sockets and stopped, and mistakes at its start."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest

from elman.cli import main


@pytest.fixture
def listening(listen):
    """The port of a server with few connections."""
    return listen(most_connections=5)


def fetch(port, path="health"):
    """Return the status of a path, and what it answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=60) as found:
        return found.status, json.load(found)


def test_half_sent_requests_and_closed_sockets_leave_it_alive_and_are_no_mistake_of_it(listening, caplog):
    sent = [
        b"POST /v1/models/text/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n" + b"x" * 999,
        b"POST /v1/models/text/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"\x16\x03\x01 no HTTP \r\n\r\n",
        b"",
    ]
    answers = []
    for raw in sent:
        with socket.create_connection(("127.0.0.1", listening), timeout=60) as one:
            one.sendall(raw)
            one.shutdown(socket.SHUT_WR)
            answers.append(one.recv(2000))
    assert answers[0].startswith(b"HTTP/1.1 413 ")
    assert fetch(listening) == (200, {"status": "ok"})
    assert "A request failed" not in caplog.text


def receive_all(one):
    """Return what comes until the other end closes."""
    found = b""
    while piece := one.recv(2**16):
        found += piece
    return found


def test_a_request_that_does_not_come_is_not_waited_for(listen):
    from websockets.sync.client import connect

    port, slow = listen(seconds=0.5), []
    whole = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(f"ws://127.0.0.1:{port}/v1/models/character/stream", proxy=None) as stream:
        for begin in (b"", b"GET / HT", whole[:-2], whole + whole[:-2]):
            one = socket.create_connection(("127.0.0.1", port), timeout=60)
            one.sendall(begin)
            slow.append(one)
        found = [receive_all(one) for one in slow]
        assert [one.count(b"200 OK") for one in found] == [0, 0, 0, 1]
        stream.send("the ")
        assert json.loads(stream.recv())["next"]
    for one in slow:
        one.close()


def test_endless_headers_are_refused_and_large_bodies_are_not_headers(listen):
    port = listen()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as one:
        one.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        with contextlib.suppress(ConnectionError):  # it is closed while more comes
            for _ in range(100):
                one.sendall(b"x: " + b"y" * 2000 + b"\r\n")
        with contextlib.suppress(ConnectionError):
            assert receive_all(one).startswith(b"HTTP/1.1 431 ")
    body = json.dumps({"rows": [{"text": "a" * 200_000}]}).encode()
    head = b"POST /v1/models/text/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as one:
        one.sendall(head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        assert b"200,000 steps" in receive_all(one)


def test_connections_have_a_limit_and_those_that_close_make_room(listening):
    held = [socket.create_connection(("127.0.0.1", listening), timeout=60) for _ in range(9)]
    held[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert held[-1].recv(2000).startswith(b"HTTP/1.1 503 ")
    for one in held:
        one.close()
    assert fetch(listening)[0] == 200


def test_a_real_stream_is_answered_and_denied(listening):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    address = f"ws://127.0.0.1:{listening}/v1/models"
    with connect(f"{address}/character/stream?top=2", proxy=None) as stream:
        stream.send("the ")
        assert len(json.loads(stream.recv())["next"]) == 2
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{address}/text/stream", proxy=None)
    assert refused.value.response.status_code == 404
    assert "no stream" in json.loads(refused.value.response.body)["error"]


@pytest.mark.slow
def test_a_process_ends_at_sigterm_once_what_it_began_is_done(folder):
    command = [sys.executable, "-m", "elman", "serve", f"book={folder / 'character.model'}", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr.readline().startswith("book: generate, ")
        address = re.search(r"http://\S+", process.stderr.readline())[0]
        asked = json.dumps({"length": 3000, "seed": 1}).encode()
        own = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}v1/models/book/generate", asked, own)
        with urllib.request.urlopen(request, timeout=60) as text:
            first = text.readline()
            process.send_signal(signal.SIGTERM)
            rest = text.read()
        assert first.startswith(b"data: ")
        assert rest.endswith(b'event: end\ndata: {"units": 3000}\n\n')
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_every_mistake_at_the_start_is_one_line(folder, elman_command):
    model = folder / "text.model"
    for arguments, says in (
        (["--host", "0.0.0.0", model], "Give it a --token"),
        ([model, model], "Two models are called text"),
        ([f"a b={model}"], "no name of a model"),
        ([f"?={model}"], "no name of a model"),
        ([folder / "none.model"], "does not exist"),
        ([folder / "r.csv"], "not a model"),
        ([model, "--token-file", folder / "missing"], "cannot be read"),
        ([model, "--batch", "0"], "batch"),
    ):
        done = elman_command("serve", *arguments)
        assert done.returncode == 2, done.stderr
        assert says in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_said_in_a_line(listening, elman_command, folder):
    done = elman_command("serve", folder / "text.model", "--port", listening)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Choose another --port" in done.stderr


@pytest.fixture
def elman_command(monkeypatch, capsys):
    """Run the command in this process."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["elman", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return SimpleNamespace(returncode=ended.value.code, stderr=capsys.readouterr().err)

    return run
