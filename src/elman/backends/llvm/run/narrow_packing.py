"""Pack narrow weights, in the order in which the tiles of :mod:`elman.backends.llvm.emit.widened` read them.

A frozen stream packs once, so torch does it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from elman.backends.llvm.plan import slots
from elman.backends.llvm.products import PAIRED, SCALED, Products
from elman.backends.llvm.run.frames import Frames
from elman.backends.narrow import NarrowMatrix

PRODUCTS: dict[str, Products] = {"bfloat16": PAIRED, "int8": SCALED}
"""The products of each form of narrow weights."""


def pack_narrow(frames: Frames, parameters: Sequence[Tensor | NarrowMatrix]) -> None:
    """Pack the matrices of a layer into the own memory of frames, whose kernel has narrow products.

    Args:
        frames: filled, with packed memory.
        parameters: of the layer, in the program's order; the matrices narrow.
    """
    kernel, packed = frames.kernel, frames.arena.packed
    assert packed is not None
    memory, nodes = packed.view(torch.int8), kernel.plan.nodes
    own = list(zip(kernel.plan.program.parameters, parameters, strict=True))
    members = {m: (p, i, len(of.members)) for of, p in own for i, m in enumerate(of.members)}
    for group in kernel.plan.groups:
        for number, term in enumerate(group.chains[0][1]):
            slot = kernel.slots[slots.packed(group.number, number)]
            begin = int(frames.arena.table[0, slot]) - packed.data_ptr()
            for g, (_, terms, _) in enumerate(group.chains):
                (matrix,) = terms[number].matrices  # those of a mirror alone are stacked
                one = _member(*members[nodes[matrix].name])
                pack = _pack_pairs if one.scales is None else _pack_scaled
                pack(memory[begin:], one, term.transposed, (len(group.chains), g, kernel.lanes))


def _member(matrix: Tensor | NarrowMatrix, number: int, count: int) -> NarrowMatrix:
    """Cut one member out of a parameter of so many."""
    assert isinstance(matrix, NarrowMatrix)
    rows = len(matrix.numbers) // count
    own = slice(number * rows, (number + 1) * rows)
    return NarrowMatrix(matrix.numbers[own], None if matrix.scales is None else matrix.scales[own])


Position = tuple[int, int, int]
"""The number of chains of a group, the number of one of them, and the lanes of a vector."""


def _pack_pairs(memory: Tensor, matrix: NarrowMatrix, turned: bool, position: Position) -> None:
    """Pack weights in bfloat16: [vector][pair][g][lane][2]."""
    chains, g, lanes = position
    rows = matrix.numbers.T if turned else matrix.numbers
    own = _vectors(pad(rows, (0, rows.shape[1] % 2)), lanes)
    shape = (len(own), own.shape[2] // 2, chains, lanes, 2)
    target = memory[: 2 * shape[0] * shape[1] * chains * lanes * 2].view(torch.bfloat16).view(shape)
    target[:, :, g] = own.unflatten(2, (-1, 2)).transpose(1, 2)


def _pack_scaled(memory: Tensor, matrix: NarrowMatrix, turned: bool, position: Position) -> None:
    """Pack weights in int8, [vector][k][g][lane], each vector with its scales behind it."""
    chains, g, lanes = position
    assert matrix.scales is not None
    rows = matrix.numbers.T if turned else matrix.numbers
    own, depth = _vectors(rows, lanes), rows.shape[1]
    begin, behind = (SCALED.panel_bytes(depth, chains, lanes, 4, turned=t) for t in (False, turned))
    panels = memory[: len(own) * behind].view(len(own), behind)
    scales = panels[:, depth * chains * lanes :].view(torch.float32)
    panels[:, : depth * chains * lanes].unflatten(1, (depth, chains, lanes))[:, :, g] = own.transpose(1, 2)
    of_columns, of_steps = scales[:, : chains * lanes], scales[:, (begin - depth * chains * lanes) // 4 :]
    if turned:
        of_columns.unflatten(1, (chains, lanes))[:, g] = 1.0
        of_steps.unflatten(1, (depth, chains))[:, :, g] = matrix.scales
    else:
        of_columns.unflatten(1, (chains, lanes))[:, g] = _vectors(matrix.scales[:, None], lanes)[:, :, 0]


def _vectors(rows: Tensor, lanes: int) -> Tensor:
    """Divide rows, one for each column of the result, into vectors (V, lanes, K), the last with rows of 0 behind."""
    return pad(rows, (0, 0, 0, -len(rows) % lanes)).unflatten(0, (-1, lanes))
