"""Faults by which what is held out is learnt from."""

from faults.fault import Fault

HELD_OUT = "tests/tasks/test_held_out.py"

HELD_OUT_FAULTS = (
    Fault(
        "encoders are learnt from all examples",
        "tasks/classify/reading.py",
        "learn_encoder(columns, survey.read(learn), settings)",
        "learn_encoder(columns, survey.read(range(len(survey))), settings)",
        HELD_OUT,
        "classifier and table",
    ),
    Fault(
        "numbers to predict are scaled by all of them",
        "tasks/classify/reading.py",
        'named = range(len(survey)) if kind == "labels" else learn',
        "named = range(len(survey))",
        HELD_OUT,
        "classifier and table",
    ),
    Fault(
        "words are counted in held-out sentences",
        "tasks/tag/reading.py",
        "(sentence.words for sentence in split.learn), letters",
        "(sentence.words for sentence in [*split.learn, *split.hold]), letters",
        HELD_OUT,
        "tagger",
    ),
    Fault(
        "tags are known that are held out alone",
        "tasks/tag/reading.py",
        "targets = TagTargets.learn(learn, ",
        "targets = TagTargets.learn([*learn, *hold], ",
        HELD_OUT,
        "tagger",
    ),
    Fault(
        "the most frequent tags are those of all sentences",
        "tasks/tag/recipe.py",
        "baseline = train_tag_baseline(learn, ",
        "baseline = train_tag_baseline([*learn, *hold], ",
        HELD_OUT,
        "tagger",
    ),
    Fault(
        "the spread of a series is measured on held-out values",
        "tasks/forecast/reading.py",
        "training = {one.name: one.values[:end] for",
        "training = {one.name: one.values for",
        HELD_OUT,
        "forecaster",
    ),
    Fault(
        "covariates are scaled by held-out values",
        "tasks/forecast/reading.py",
        "Covariates.learn(data.series, ends),",
        "Covariates.learn(data.series, lengths),",
        HELD_OUT,
        "forecaster",
    ),
    Fault(
        "windows reach into what is held out",
        "tasks/forecast/reading.py",
        "learn = table.origins([(0, end) for end in ends])",
        "learn = table.origins([(0, end + 1) for end in ends])",
        HELD_OUT,
        "forecaster",
    ),
    Fault(
        "the linear forecast learns from held-out values",
        "tasks/forecast/recipe.py",
        "[series[:end] for series, end in zip(values, parts.ends, strict=True)],",
        "list(values),",
        HELD_OUT,
        "forecaster",
    ),
    Fault(
        "the unit of MASE is measured on held-out values",
        "tasks/forecast/backtest.py",
        "mase_scale(one.values[:end], season)",
        "mase_scale(one.values, season)",
        HELD_OUT,
        "forecaster",
    ),
    Fault(
        "words and subwords are learnt from the whole text",
        "tasks/generate/reading.py",
        '(split.held_out.text if settings.unit == "character" else "")',
        "split.held_out.text",
        HELD_OUT,
        "language_model and subword",
    ),
    Fault(
        "n-grams are counted in the held-out text too",
        "tasks/generate/recipe.py",
        "            parts.training.numbers,\n",
        "            parts.training.numbers.new_tensor([*parts.training.numbers, *held]),\n",
        HELD_OUT,
        "language_model",
    ),
)
