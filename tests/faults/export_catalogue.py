"""Faults to plant in what is exported."""

from faults.fault import Fault

MODELS = "tests/export/test_models.py"
LAYERS = "tests/export/test_onnx_layers.py"

C_FILES = "tests/export/test_c_files.py"
CLASSIFIERS = "tests/export/test_classifiers.py"
WRITERS = "tests/export/test_writers.py"

EXPORT_FAULTS = (
    Fault(
        "an LSTM that becomes torch's has the gates of ONNX",
        "export/torch_modules.py",
        '"LSTM": (0, 2, 3, 1)',
        '"LSTM": (0, 1, 2, 3)',
        tests="tests/export/test_torch_modules.py",
        only="torch_has",
    ),
    Fault(
        "two exported loops over different numbers of examples call them by one name",
        "export/loops.py",
        'examples = body.fresh("examples")',
        'examples = "batch"',
        tests=MODELS,
        only="segment and forecaster",
    ),
    Fault(
        "the missing numbers of a model that was exported are not flagged",
        "export/pieces.py",
        "    if not scaling.indicated:\n",
        "    if True:\n",
        tests=CLASSIFIERS,
        only="table",
    ),
    Fault(
        "in C a state that trades places with another is overwritten first",
        "export/c_step.py",
        '                source = f"{array}[j]"\n',
        "",
        tests=C_FILES,
        only="trade",
    ),
    Fault(
        "a chain in C adds the products of the state first",
        "export/c_step.py",
        "if i not in late] + late",
        "if i in late] + [i for chain in chains for i in chain.products if i not in late]",
        tests=C_FILES,
        only="bits",
    ),
    Fault(
        "a file that differs from its layer is put in place",
        "export/checking.py",
        "    if not found <= allowed:\n        raise",
        "    if found is None:\n        raise",
        tests=LAYERS,
        only="a_file_that_differs",
    ),
    Fault(
        "an exported loop computes on in the padding",
        "export/loops.py",
        'new = [body.add("Where", is_real, inside.name(i), old)',
        'new = [body.add("Where", is_real, inside.name(i), inside.name(i))',
        tests=LAYERS,
        only="directions",
    ),
    Fault(
        "an example without a step loses its state in a node of ONNX",
        "export/stack.py",
        'writer.add("Where", has_steps, end, old)',
        'writer.add("Where", has_steps, end, end)',
        tests=LAYERS,
        only="GRUs",
    ),
    Fault(
        "an LSTM whose output gate looks at the old cell state is taken for ONNX's",
        "export/standard.py",
        "_gate(graph, o_index, h, new_c)",
        "_gate(graph, o_index, h, new_c) or _gate(graph, o_index, h, c)",
        tests=LAYERS,
        only="nearly_an_lstm",
    ),
    Fault(
        "all networks of a classifier that was exported read the numbers of the first",
        "tasks/classify/exported_input.py",
        "_table(self.encoder.known, self.encoders[number].known)",
        "_table(self.encoder.known, self.encoders[0].known)",
        tests=CLASSIFIERS,
        only="characters",
    ),
    Fault(
        "a bag that is counted in a file of ONNX is not brought to length 1",
        "tasks/classify/exported_baseline.py",
        'add("Cast", add("Div", weights, length), to=FLOAT)',
        'add("Cast", weights, to=FLOAT)',
        tests=CLASSIFIERS,
        only="characters",
    ),
    Fault(
        "the first network alone keeps a temperature that was learnt with a baseline",
        "tasks/classify/model.py",
        "BlendWeights(1.0 if self.blend.baseline else self.blend.network)",
        "BlendWeights(self.blend.network)",
        tests=CLASSIFIERS,
        only="alone_the_first",
    ),
    Fault(
        "an exported decoder that waits sees a step more of its source",
        "export/attending.py",
        'writer.add("Add", "step", writer.constant(np.int64(wait)))',
        'writer.add("Add", "step", writer.constant(np.int64(wait + 1)))',
        tests=WRITERS,
        only="waiting",
    ),
    Fault(
        "the names of units that stand in no translation are not in the card",
        "tasks/translate/exported.py",
        '"unwritten": list(target.unwritten)',
        '"unwritten": []',
        tests=WRITERS,
        only="translates and additive",
    ),
    Fault(
        "a file of several is left in place though the next cannot be",
        "writing.py",
        "                one.take_back()",
        "                pass",
        tests="tests/test_writing.py",
        only="several_files",
    ),
)
