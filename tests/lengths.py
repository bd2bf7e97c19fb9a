"""Sequences of every length that an export is tested at, and what the layer makes of them."""

import torch

from elman.export.checking import difference

LENGTHS = (1, 7, 123, 1000)


def draw(network):
    """Draw two sequences of each length, with their side inputs."""
    for steps in LENGTHS:
        x = torch.randn(steps, 2, network.input_size)
        yield x, [torch.rand(steps, 2) + 0.1 for _ in network.sides]


def assert_agrees(found, network, x, sides, bound, times=16):
    """Compare the output for the first of two sequences, (T, H), with that of the layer, from zeros.

    A cell that amplifies rounding is as far from itself in float32; then so many times that distance is allowed.
    """
    zeros = [torch.zeros(len(network.layers), 2, size) for size in network.state_sizes]
    single, double = (network.run(x, zeros, None, sides, dtype)[0][:, 0] for dtype in (torch.float32, torch.float64))
    assert difference([found], [double]) <= max(bound, times * difference([single], [double])), len(x)
