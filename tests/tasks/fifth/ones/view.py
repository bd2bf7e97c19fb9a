"""Prepare a model that counts, with some sequences, for `elman inspect`."""

import copy

from elman.tasks.ones.reading import encode, read_lines
from torch.nn.functional import mse_loss

from elman.models.view import View


def view(model, data):
    """Prepare a model and the first sequences."""
    module = copy.deepcopy(model.module).double().eval()
    steps, counts = (part.double() for part in encode(read_lines(data)[:8]))
    return View(
        module,
        module.recurrent,
        lambda: mse_loss(module(steps), counts),
        lambda n: float(mse_loss(module(steps[-n:]).detach(), counts)),
        list,
        f"{len(counts)} sequences",
        model.metrics,
    )
