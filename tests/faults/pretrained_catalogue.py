"""Faults by which a training that goes on from a model forgets what the model knew."""

from faults.fault import Fault

PRETRAINED = "tests/training/test_pretrained.py"

PRETRAINED_FAULTS = (
    Fault(
        "the rows of what is known are shifted by one",
        "training/pretrained.py",
        "where = {label: place for place, label in enumerate(other.labels)}",
        "where = {label: max(0, place - 1) for place, label in enumerate(other.labels)}",
        PRETRAINED,
        "answered_as_before and (names or words or pairs)",
    ),
    Fault(
        "the end of a text keeps its number where words are added",
        "vocabulary/side.py",
        'return [*list_units(self.vocabulary), ("end",), ("unknown",)]',
        "return [*range(len(self.vocabulary)), len(self.vocabulary), len(self.vocabulary) + 1]",
        PRETRAINED,
        "answered_as_before and captions",
    ),
    Fault(
        "weights are not copied",
        "training/pretrained.py",
        "        value.copy_(block)\n",
        "        pass\n",
        PRETRAINED,
        "meets_nothing_new and (text or sales)",
    ),
    Fault(
        "scales of series stand in another order than their names",
        "tasks/forecast/windows.py",
        "scales={name: scales[name] for name in spreads},",
        "scales=dict(sorted(scales.items())),",
        PRETRAINED,
        "keep_their_number",
    ),
    Fault(
        "numbers to predict are scaled anew",
        "encoders/targets.py",
        "            growth.keep(SCALED)\n            return self\n",
        "            growth.keep(SCALED)\n            return found\n",
        PRETRAINED,
        "answered_as_before and table or category_that_is_new",
    ),
    Fault(
        "each fold goes on from the first network",
        "training/pretrained.py",
        "self.models[number % len(self.models)],",
        "self.models[0],",
        PRETRAINED,
        "each_fold",
    ),
    Fault(
        "classes are sorted anew",
        "vocabulary/growth.py",
        "return (*known, *new)",
        "return tuple(sorted((*known, *new)))",
        PRETRAINED,
        "keep_their_numbers",
    ),
    Fault(
        "the model that a training begins with is not validated",
        "training/loop.py",
        "if validate is not None and validates_first()",
        "if validate is not None and not validates_first",
        PRETRAINED,
        "begins_with_stay",
    ),
    Fault(
        "a training from another model goes on with the checkpoint",
        "training/recipe.py",
        'identity["from_model"] = pretrained.sha256',
        'identity["from_model"] = pretrained.cell.name',
        PRETRAINED,
        "another_training",
    ),
    Fault(
        "examples of the earlier training are forgotten",
        "training/pretrained.py",
        "return own if own is None or before is None else own.joined(before)",
        "return own",
        PRETRAINED,
        "either_training",
    ),
)
