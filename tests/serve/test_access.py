"""Who may ask: the token, the Host header, pages of other sites."""

import pytest

from asking import denied
from elman.errors import ConfigError
from elman.serve.access import Access, choose_access
from elman.serve.refusals import Refusal

TOKEN = "0123456789abcdef-GHI"


@pytest.mark.parametrize(
    ("header", "is_let_in"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN}", True),
        ("", False),
        ("Bearer", False),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        (f"Bearer {TOKEN[:-1]}", False),
        (f"Bearer {TOKEN}I", False),
        (f"Bearer {TOKEN[:-1]}i", False),
        ("Bearer é", False),
    ],
)
def test_the_token_is_needed_and_right(header, is_let_in, serve):
    client = serve(Access(TOKEN))
    own = {"Authorization": header.encode()} if header else {}
    done = client.get("/v1/models", headers=own)
    assert done.status_code == (200 if is_let_in else 401)
    if not is_let_in:
        assert done.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in done.text


def test_what_shows_nothing_of_the_models_needs_no_token(serve):
    client = serve(Access(TOKEN))
    for path in ("/", "/assets/page.js", "/health", "/ready"):
        assert client.get(path).status_code == 200
    for path in ("/v1/models", "/metrics", "/openapi.json"):
        assert client.get(path).status_code == 401
    assert denied(client, "/v1/models/character/stream") == 401


def test_a_token_in_the_address_is_refused_even_where_it_is_right(serve):
    for client in (serve(Access(TOKEN)), serve()):
        for query in (f"token={TOKEN}", "token=", f"access_token={TOKEN}"):
            done = client.get(f"/v1/models?{query}", headers={"Authorization": f"Bearer {TOKEN}"})
            assert done.status_code == 422
            assert "header" in done.json()["error"]


@pytest.mark.parametrize(
    ("access", "host", "is_let_in"),
    [
        (Access(), "localhost", True),
        (Access(), "LOCALHOST:8000", True),
        (Access(), "127.0.0.1:8000", True),
        (Access(), "[::1]:8000", True),
        (Access(), "evil.example", False),
        (Access(), "localhost.evil.example", False),
        (Access(), "192.168.1.7", False),
        (Access(), "local host", False),
        (Access(by_address=True), "192.168.1.7:80", True),
        (Access(by_address=True), "evil.example", False),
        (Access(names=frozenset({"models.example"})), "models.example", True),
        (Access(names=frozenset({"models.example"})), "other.example", False),
    ],
)
def test_a_foreign_host_is_refused(access, host, is_let_in, serve):
    assert serve(access).get("/v1/models", headers={"Host": host}).status_code == (200 if is_let_in else 403)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://localhost@evil"])
def test_the_page_of_another_site_may_not_ask(origin, client):
    own = {"Origin": origin}
    done = client.post("/v1/models/text/predict", json={"rows": [{"text": "a"}]}, headers=own)
    assert done.status_code == 403
    assert denied(client, "/v1/models/character/stream", headers=own) == 403
    assert "access-control-allow-origin" not in client.options("/v1/models", headers=own).headers


def test_the_own_page_may_ask_and_a_link_may_lead_to_it(client):
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    done = client.post("/v1/models/text/predict", json={"rows": [{"text": "a"}]}, headers=own)
    assert done.status_code == 200
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/", headers=cross).status_code == 200
    assert client.get("/v1/models", headers=cross).status_code == 403


def test_every_response_forbids_frames_and_foreign_scripts(client):
    for path in ("/", "/v1/models", "/no"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "token", "without", "says"),
    [
        ("0.0.0.0", None, False, "lets others ask"),
        ("::", None, False, "lets others ask"),
        ("192.168.1.7", None, False, "lets others ask"),
        ("models.example", None, False, "lets others ask"),
        ("127.0.0.1", TOKEN, True, "both given"),
        ("0.0.0.0", "short", False, "16 characters"),
        ("127.0.0.1", "with a blank in it", False, "16 characters"),
    ],
)
def test_what_is_open_to_others_by_mistake_is_refused_at_the_start(host, token, without, says):
    with pytest.raises(ConfigError, match=says):
        choose_access(host, token, without)


def test_what_is_open_to_others_on_purpose_is_not():
    assert choose_access("127.0.0.1", None, False) == Access()
    assert choose_access("0.0.0.0", TOKEN, False).by_address
    assert choose_access("models.example", None, True).names == {"models.example"}


def test_the_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("elman.serve.access.hmac.compare_digest", lambda one, other: compared.append((one, other)))
    with pytest.raises(Refusal, match="401"):
        Access(TOKEN).check("GET", "/metrics", {"host": "localhost", "authorization": f"Bearer {TOKEN}"}, "")
    assert compared == [(TOKEN.encode(), TOKEN.encode())]
