"""Small models that were never trained, their pages, and what the scripts of a page compute in Node."""

import json
import re

import numpy as np
import torch

from elman import cells
from elman.data.dataset import Columns, Example, Sound
from elman.encoders.encoder import learn_encoder
from elman.encoders.settings import InputSettings
from elman.encoders.targets import Targets
from elman.export.pages.page import put_page
from elman.export.pages.running import run_in_node
from elman.export.target import TargetFile
from elman.models.layers import Layers
from elman.tasks.classify.blending import BlendWeights
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.module import SequenceClassifier
from elman.tasks.exporting import describe
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.module import SegmentForecaster
from elman.tasks.forecast.windows import Reading
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.module import LanguageModel
from elman.tasks.registry import find
from elman.vocabulary.vocabulary import learn_vocabulary
from forecastable import make_series, make_set
from programs import needs

needs_node = needs("node")
TEXT = 'so good, "so bad" (he said): it\'s 3.5 of 10!\nnöt bäd 𝄞 at all.\n' * 2

WRITE = """
const model = Object.assign(Object.create(Model.prototype), this);
model.compute = ({ units, given }) => {
  this.network.functions.reset();
  for (const unit of units) this.network.functions.read(unit, given);
};
return [...model.write(one)];
"""
"""A patch for :func:`run`: all that a language model writes for a case."""


def writer_of(unit="character", tied=False, classes=(), text=TEXT):
    """Make a language model."""
    torch.manual_seed(5)
    vocabulary = learn_vocabulary(text, unit, size=300 if unit == "subword" else None)
    own = {"embedding": 19, "tied": tied}
    layers = Layers(hidden=19 if tied else 23, layers=2)
    module = LanguageModel(cells.lstm, len(vocabulary), layers, classes=len(classes), **own)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2)
    configuration = {"hidden": layers.hidden, "layers": 2, **own, "classes": list(classes), "given": "kind"}
    return TrainedModel(module=module.eval(), vocabulary=vocabulary, configuration=configuration)


def reader_of(texts, kind, pooling, targets, **options):
    """Make a classifier of texts, in two directions."""
    torch.manual_seed(3)
    columns = Columns({"text": kind}, "target", targets.kind)
    examples = [Example({"text": text}, "a", f"line {number}") for number, text in enumerate(texts)]
    encoder = learn_encoder(columns, examples, InputSettings(**options))
    layers = Layers(hidden=7, layers=2, bidirectional=True)
    module = SequenceClassifier(
        cells.gru,
        layers,
        front=encoder.front,
        outputs=targets.outputs,
        pooling=pooling,
        embedding=5,
        complements=getattr(encoder, "complements", ()),
    )
    if module.query is not None:
        torch.nn.init.normal_(module.query)
    parts = {"columns": columns, "encoder": encoder, "targets": targets}
    blend = BlendWeights(1.0 if targets.kind == "number" else 0.7)
    return TrainedClassifier(module=module.eval(), configuration={}, blend=blend, **parts)


def noise(seed, samples=2000):
    """Make a sound: noise that grows and fades."""
    drawn = np.random.default_rng(seed)
    loud = np.interp(np.arange(samples), np.linspace(0, samples, 7), drawn.uniform(0.001, 0.5, 7))
    return Sound((loud * drawn.normal(size=samples)).astype(np.float32), 8000)


def listener_of(**options):
    """Make a classifier of sounds, in two directions."""
    torch.manual_seed(3)
    columns = Columns({"sound": "sound"}, "target", "category")
    examples = [Example({"sound": noise(seed)}, "a", f"{seed}.wav") for seed in range(3)]
    encoder = learn_encoder(columns, examples, InputSettings(**options))
    layers = Layers(hidden=7, bidirectional=True)
    module = SequenceClassifier(cells.gru, layers, front=encoder.front, outputs=3, pooling="max")
    parts = {"columns": columns, "encoder": encoder, "targets": CLASSES}
    return TrainedClassifier(module=module.eval(), configuration={}, blend=BlendWeights(0.7), **parts)


CLASSES = Targets.learn("category", ["a", "b", "c"])
LABELS = Targets.learn("labels", [("a", "b"), ("c",), ()])
NUMBERS = Targets.learn("number", [3.0, 70.0, 5.0])
WORDS, GENOMES = ["so bad", "What a good film it was", "good"], ["ACGTACGTTA", "TTGAC", "CA"]


def forecaster_of(logarithms=False, cycles=(), series=0, **options):
    """Make a forecaster of daily series."""
    torch.manual_seed(3)
    shape = {"lookback": 11, "horizon": 7, "segment": 3, "quantiles": [0.1, 0.3, 0.5, 0.7, 0.9]}
    own = {"calendar": 2 * len(cycles), "series": series, **options}
    module = SegmentForecaster(cells.mgu, Layers(hidden=5, layers=2), **shape, **own).eval()
    if module.lags is not None:
        torch.nn.init.normal_(module.lags.weight)
    module.margins.copy_(torch.rand(2, 7))
    names = [f"s{number}" for number in range(max(series, 1))]
    scales = {name: 0.5 + number for number, name in enumerate(names)}
    reading = Reading(11, 7, scales, scales, cycles=tuple(cycles), logarithms=logarithms)
    columns = make_set(make_series(torch.randn(40).double().numpy())).columns
    return TrainedForecaster(module=module, reading=reading, columns=columns, configuration={}, versions={})


def card_of(model):
    """Return the card of a model."""
    recipe = find(model.task)
    model.module.recurrent.cell = model.module.recurrent.program.cell
    return {**describe(recipe, model), **recipe.part("exported", "describe")(model)}


def export_page(model, path):
    """Write a page, and return how far it is from the model, and its text."""
    recipe = find(model.task)
    agreement = put_page(TargetFile(path, "html"), recipe.part("page", "page_model")(model), card_of(model), "a <b>")
    return agreement, path.read_text(encoding="utf-8")


def parts_of(text):
    """Return the scripts of a page without what shows, and what is embedded."""
    given, script = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    return script[: script.index("// An element of the page")], json.loads(given)


def run(text, patch, cases):
    """Compute in Node with the scripts of a page, by a function of the model and the case."""
    script, given = parts_of(text)
    return run_in_node(f"{script}\nModel.prototype.compute = function (one) {{ {patch} }};", given, cases)
