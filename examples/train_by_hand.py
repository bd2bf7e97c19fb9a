"""Train a recurrent network in plain PyTorch, with a cell of one's own: `python examples/train_by_hand.py`.

The adding problem: a sequence has random numbers, two of them marked, and the network must answer with their sum, so it
has to remember the first one over many steps. Guessing the mean has a squared error of 0.167.
"""

import torch
from torch import nn

import elman


@elman.cell
def minimal_gated_unit(x, h, *, W, U, b):
    """Keep or replace the state by one gate (Zhou et al. 2016)."""
    f = elman.sigmoid(W.f @ x + U.f @ h + b.f)
    candidate = elman.tanh(W.c @ x + U.c @ (f * h) + b.c)
    return (1 - f) * h + f * candidate


def draw_batch(steps=20, batch=32):
    """Draw sequences (T, B, 2) of a number and a mark, and their answers (B,)."""
    numbers, marks = torch.rand(steps, batch), torch.zeros(steps, batch)
    examples, half = torch.arange(batch), steps // 2
    marks[torch.randint(half, (batch,)), examples] = 1
    marks[half + torch.randint(half, (batch,)), examples] = 1
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(0)


torch.manual_seed(1)
torch.set_num_threads(1)  # a layer as small as this one is fastest on one thread
layer = elman.nn.Recurrent(minimal_gated_unit, input_size=2, hidden_size=32)
readout = nn.Linear(32, 1)
parameters = [*layer.parameters(), *readout.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)

for update in range(1, 601):
    x, target = draw_batch()
    output, _ = layer(x)  # (T, B, 32); backpropagation through time is derived from the cell
    loss = nn.functional.mse_loss(readout(output[-1]).squeeze(1), target)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    if update % 100 == 0:
        print(f"update {update:4}  loss {loss.item():.4f}")
