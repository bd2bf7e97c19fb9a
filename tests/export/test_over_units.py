"""What is over the units of a vector, and what else the language has gained, in every file that a layer becomes.

Each writer runs its file beside the layer and refuses one that differs, so writing it is the test.
"""

import pytest
import torch

import elman
from elman import export
from unusual_cells import UNUSUAL

NAMES = (
    "waves of a state",
    "a joined comparison in two stages",
    "a sum of a parameter",
    "the output is a mean",
    "a softmax of the input and one of a state",
    "a largest that many are",
    "a length of nothing",
)
WRITERS = {"onnx": export.to_onnx, "c": export.to_c, "wasm": export.to_wasm, "o": export.to_object}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", WRITERS)
def test_a_file_gives_what_the_layer_gives(form, name, tmp_path):
    torch.manual_seed(26)
    layer = elman.nn.Recurrent(UNUSUAL[name], 7, 7, sizes=dict.fromkeys(UNUSUAL[name].open_sizes, 5))
    agreement = WRITERS[form](layer, tmp_path / f"net.{form}")
    assert agreement is not None
    assert agreement.difference <= agreement.bound


@pytest.mark.parametrize("name", NAMES)
def test_a_loop_of_torch_gives_what_the_layer_gives(name):
    torch.manual_seed(26)
    layer = elman.nn.Recurrent(UNUSUAL[name], 7, 7, sizes=dict.fromkeys(UNUSUAL[name].open_sizes, 5))
    x, state = torch.randn(13, 2, 7), torch.zeros(1, 2, sum(layer.state_sizes))
    with torch.no_grad(), elman.backend("reference"):
        expected = layer(x)[0]
        found = export.to_torch(layer)(x, state)[0]
    assert torch.linalg.vector_norm(found - expected) <= 1e-5 * torch.linalg.vector_norm(expected)
