"""Models as pages: what their scripts compute in Node, and in a browser where one is installed, is the model's own."""

import re

import numpy as np
import pytest
import torch

from browsed import WRITE, card_of, export_page, needs_node, parts_of, run, writer_of
from elman.errors import ElmanError
from elman.export.checking import Agreement
from elman.export.pages.page import put_module
from elman.export.target import TargetFile
from elman.export.wasm.running import is_installed
from elman.tasks.generate.page import page_model


@needs_node
@pytest.mark.parametrize(
    ("made", "prompt"),
    [
        pytest.param(("character",), "so 𝄞", id="characters"),
        pytest.param(("character",), "", id="no prompt"),
        pytest.param(("word", True, ("up", "down")), "it's \"so", id="words, tied, of a class"),
        pytest.param(("subword",), "so bäd 𝄞\n", id="subwords"),
    ],
)
def test_a_page_writes_the_text_of_the_model(made, prompt, tmp_path):
    model = writer_of(*made)
    agreement, page = export_page(model, tmp_path / "page.html")
    assert agreement.difference <= agreement.bound
    for seed, temperature in ((1, 0.8), (2**40 + 3, 1.3), (7, 0)):
        options = {"length": 80, "temperature": temperature, "seed": seed}
        own = model.generate(prompt, **options, given="down" if model.classes else None)
        case = {"prompt": prompt, **options, "given": 1}
        assert "".join(run(page, WRITE, [case])[0]) == "".join(own)


@needs_node
def test_numbers_of_chance_are_those_of_torch(tmp_path):
    _, page = export_page(writer_of("character"), tmp_path / "page.html")
    patch = "const chance = new Chance(one.seed); return Array.from({ length: 700 }, () => chance.number());"
    seeds = [0, 1, 2**32 + 5, 2**53 - 1]
    found = run(page, patch, [{"seed": seed} for seed in seeds])
    for seed, numbers in zip(seeds, found, strict=True):
        expected = torch.rand(700, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        assert numbers == expected.tolist()


@needs_node
def test_a_page_names_what_its_model_does_not_know(tmp_path):
    patch = "try { this.vocabulary.encode(one.prompt); } catch (error) { return [error.message]; }"
    for unit, prompt, text in (("character", "so x", "never seen “x”"), ("word", "so what", "the word “what”")):
        _, page = export_page(writer_of(unit), tmp_path / "page.html")
        assert text in run(page, patch, [{"prompt": prompt}])[0][0]


def test_a_page_asks_for_nothing_from_outside(tmp_path):
    _, page = export_page(writer_of("character"), tmp_path / "page.html")
    assert "default-src 'none'" in page
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?+(?!data:)""", page.split("<script", 1)[0]) == []
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", re.sub(r'"equations": "[^"]*"', "", page))
    assert "<title>a &lt;b&gt;</title>" in page


@needs_node
def test_a_page_that_differs_is_not_put_in_place(tmp_path, monkeypatch):
    monkeypatch.setattr("elman.export.wasm.code.FunctionWriter.add_product", lambda *_: None)
    with pytest.raises(ElmanError, match=r"differs by .* Nothing was written"):
        export_page(writer_of("character"), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_without_node_a_page_is_not_verified(tmp_path, monkeypatch):
    monkeypatch.setattr("elman.export.pages.page.find_node", lambda: None)
    agreement, page = export_page(writer_of("character"), tmp_path / "page.html")
    assert agreement is None
    assert parts_of(page)[1]["card"]["verified"] is None


@pytest.mark.skipif(not is_installed(), reason="runs the functions; it comes with elman[wasm]")
@pytest.mark.parametrize(("tied", "classes"), [(False, ()), (True, ("up", "down"))])
def test_the_functions_of_a_language_model_are_verified_and_small(tied, classes, tmp_path):
    model = writer_of("character", tied, classes)
    target = TargetFile(tmp_path / "net.wasm", "wasm")
    agreement = put_module(target, page_model(model), card_of(model))
    assert isinstance(agreement, Agreement)
    weights = sum(parameter.numel() for parameter in model.module.parameters())
    assert (tmp_path / "net.wasm").stat().st_size - 4 * weights < 30_000


@needs_node
def test_a_page_cuts_texts_into_subwords_as_the_model_does(tmp_path):
    model = writer_of("subword")
    _, page = export_page(model, tmp_path / "page.html")
    random = np.random.default_rng(1)
    drawn = [
        "".join(random.choice(list("so bäd'st\n\r\x1c\x85\u3000\ufeff\u200b𝄞 12½٣ß.,!  "), 30)) for _ in range(200)
    ]
    texts = [
        "",
        " ",
        "it's we'll I'D don't",
        "so good  \n\n so",
        "a\u2028b\r\nc",
        "so\n" * 2100,
        "\x1f  a\ufeff",
        *drawn,
    ]
    found = run(page, "return this.vocabulary.encode(one.text);", [{"text": text} for text in texts])
    assert found == [model.vocabulary.encode_prompt(text).tolist() for text in texts]
    letters = ["".join(random.choice(list("abc "), 90)) for _ in range(99)]  # whose parts could be joined in many ways
    joined = writer_of("subword", text="".join(letters))
    _, other = export_page(joined, tmp_path / "page.html")
    found = run(other, "return this.vocabulary.encode(one.text);", [{"text": text} for text in letters])
    assert found == [joined.vocabulary.encode(text).tolist() for text in letters]
    numbers = [random.integers(0, len(model.vocabulary), 40).tolist() for _ in range(50)]
    patch = "const spell = this.vocabulary.speller(); return one.numbers.map((number) => spell(number));"
    spellers = [model.vocabulary.speller("") for _ in numbers]
    expected = [[spell(number) for number in row] for spell, row in zip(spellers, numbers, strict=True)]
    assert run(page, patch, [{"numbers": row} for row in numbers]) == expected
    half = (
        "try { this.vocabulary.encode('a' + String.fromCharCode(0xd800)); } catch (error) { return [error.message]; }"
    )
    assert run(page, half, [{}]) == [["The text has half a character."]]
