"""The verdict on tags, where the most frequent tag of each word does better than the network without the sentence."""

import pytest

from elman.tasks import tag


@pytest.mark.parametrize(("noise", "said"), [(0, "does as well or better: 100.0%"), (1, "reaches")])
def test_the_stronger_baseline_decides_whether_the_sentence_is_needed(tmp_path, noise, said):
    """Without noise a word has its tag; with it the tag is that of the word before."""
    lines = []
    for row in range(90):
        words = [f"w{(row * 7 + at * at) % 11}" for at in range(6)]
        tags = [f"t{(int(words[at - noise][1:])) % 2}" for at in range(6)]
        lines += [*(f"{word}\t{own}" for word, own in zip(words, tags, strict=True)), ""]
    (tmp_path / "a.conll").write_text("\n".join(lines))
    model = tag.train(tmp_path / "a.conll", hidden=13, epochs=20, learning_rate=0.03, quiet=True, letter_hidden=5)
    assert f"The most frequent tag of each word {said}" in model.metrics["verdict"]
    assert model.metrics["order_needed"] is bool(noise)
