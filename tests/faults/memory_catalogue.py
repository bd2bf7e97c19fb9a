"""Faults to plant in what guards a kernel: the check of every tensor, hooks of weights, batches of gradients."""

from faults.fault import Fault

ODD = "tests/nn/test_odd_tensors.py"
HOOKS = "tests/nn/test_weight_hooks.py"
FILES = "tests/models/test_computed_weights.py"
HALF = "tests/nn/test_half_precision.py"
BATCHED = "tests/ops/test_batched_gradients.py"

MEMORY_FAULTS = (
    Fault(
        "a lazy sign is not seen",
        "backends/memory_check.py",
        "                or t.is_neg()\n",
        "",
        ODD,
        "odd_kinds and 250",
    ),
    Fault(
        "the dtype of a parameter is not looked at",
        "backends/memory_check.py",
        "(*states, *parameters, *sides), carried)",
        "(*states, *sides), carried)",
        ODD,
        "another_dtype",
    ),
    Fault(
        "memory that was cut counts as whole",
        "backends/memory_check.py",
        "if storage.nbytes() < end * item or not storage.data_ptr():",
        "if not storage.data_ptr():",
        ODD,
        "odd_kinds and 250",
    ),
    Fault(
        "adjoints are not looked at",
        "backends/memory_check.py",
        "    if are_plain_memory(tensors, dtype or x.dtype):\n        return tensors\n",
        "    return tensors\n",
        ODD,
        "saved_tensors or (odd_kinds and 250)",
    ),
    Fault(
        "a stream passes by the hooks that compute weights",
        "nn/stream.py",
        "        with computed_weights(self._layer):\n",
        "        if True:\n",
        HOOKS,
        "stream_reads",
    ),
    Fault(
        "flow reads weights that were computed before",
        "flow/network.py",
        "    with computed_weights(layer):\n",
        "    if True:\n",
        HOOKS,
        "seen_inside and weight_norm",
    ),
    Fault(
        "a model file has what its computed weights are made of",
        "models/trained.py",
        "return plain_state(self.module)",
        "return dict(self.module.state_dict())",
        FILES,
        "generate and pruning",
    ),
    Fault(
        "a lazy sign is lost in a model file",
        "models/bytes.py",
        "return as_memory(name, own, own).contiguous()",
        "return own.contiguous()",
        FILES,
        "lazy",
    ),
    Fault(
        "a look at computed weights continues spectral normalisation",
        "nn/weights.py",
        "    with evaluating(module):\n        for hook",
        "    if True:\n        for hook",
        HOOKS,
        "continue_spectral",
    ),
    Fault(
        "a state in half precision is rounded when it is set",
        "nn/stream.py",
        "[s.to(self._carried, copy=True) for s in own]",
        "[s.to(self._dtype).to(self._carried, copy=True) for s in own]",
        HALF,
        "carries_its_state",
    ),
    Fault(
        "biases are rounded under autocast",
        "ops/__init__.py",
        "convert(tensors, carried) for tensors in (states, parameters, sides)",
        "convert(convert(tensors, dtype), carried) for tensors in (states, parameters, sides)",
        HALF,
        "biases_and_states",
    ),
    Fault(
        "states are rounded before a small call under autocast",
        "ops/small.py",
        "given = [x.to(lower), *convert(given[1:], form.carried)]",
        "given = [x.to(lower), *convert(convert(given[1:], lower), form.carried)]",
        HALF,
        "biases_and_states",
    ),
    Fault(
        "the first of a batch of upstream gradients serves for all",
        "ops/batched.py",
        "return value.select(dim, i)",
        "return value.select(dim, 0)",
        BATCHED,
        "in_vmap",
    ),
)
