"""OpenAPI, and the metrics in the form of Prometheus."""

import re


def test_the_document_has_examples_of_each_models_own_columns(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    listed = client.get("/v1/models").json()["models"]
    assert len(listed) > 10
    for model in listed:
        content = document["paths"][f"/v1/models/{model['name']}/predict"]["post"]["requestBody"]["content"]
        assert ("application/json" in content) == bool(model["rows"])
        if model["rows"]:
            assert content["application/json"]["example"]["rows"] == model["rows"]
        for route in ("generate", "stream"):
            assert (f"/v1/models/{model['name']}/{route}" in document["paths"]) == (route in model["routes"])
    table = next(model for model in listed if model["name"] == "table")
    assert set(table["rows"][0]) == {"colour", "size", "weight"}


def test_the_metrics_are_in_the_form_of_prometheus_and_count(client):
    before = _counts(client)
    assert client.post("/v1/models/text/predict", json={"rows": [{"text": "a"}, {"text": "b"}]}).status_code == 200
    for name in ("x", "y", "text"):
        client.get(f"/v1/models/{name}/predict")
    client.get("/nothing/here")
    after = _counts(client)
    route = 'route="/v1/models/NAME/predict"'
    assert after[f'elman_requests_total{{{route},status="200"}}'] == 1
    assert after[f'elman_requests_total{{{route},status="405"}}'] == 3
    assert after['elman_requests_total{route="other",status="404"}'] == 1
    assert after["elman_held_bytes"] == 0
    assert after["elman_rows_answered"] - before["elman_rows_answered"] == 2
    assert after[f'elman_request_seconds_bucket{{{route},le="+Inf"}}'] == 4
    assert after[f"elman_request_seconds_count{{{route}}}"] == 4


def _counts(client):
    found = {}
    for line in client.get("/metrics").text.splitlines():
        assert re.fullmatch(r"# TYPE [a-z_]+ (counter|gauge|histogram)|[a-z_]+(\{[^{}]*\})? [0-9.e+-]+", line), line
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found
