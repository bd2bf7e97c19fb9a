"""Train a model of our layers by the engine of another library, as one of two processes or as the only one.

As a program it is one process: `python training_wrapped.py ENGINE FOLDER`.
"""

import os
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from elman import cells
from elman.nn import LSTM, Recurrent

UPDATES, T, B, I, H = 20, 5, 6, 3, 8


class Network(nn.Module):
    """A drop-in under a layer of a cell of the package, and a readout."""

    def __init__(self):
        super().__init__()
        self.first, self.second = LSTM(I, H), Recurrent(cells.gru, H, H)
        self.readout = nn.Linear(H, 1)

    def forward(self, x):
        """Return an answer a sequence."""
        return self.readout(self.second(self.first(x)[0])[0][-1])


def batches():
    """Return the batches of a training, those of all processes."""
    drawn = torch.Generator().manual_seed(3)
    return [torch.randn(T, B, I, generator=drawn, dtype=torch.float64) for _ in range(UPDATES)]


def own(x, rank, count):
    """Return the rows of a process."""
    return x[:, rank * B // count : (rank + 1) * B // count]


def loss_of(outputs, x):
    """Return the mean square of the distance to the sum of a sequence."""
    return (outputs[:, 0] - x.sum((0, 2))).square().mean()


def build():
    """Build the network, always the same, with its optimiser."""
    torch.manual_seed(1)
    network = Network().double()
    return network, torch.optim.AdamW(network.parameters(), 0.01)


def alone():
    """Train in one process, by hand."""
    network, optimizer = build()
    for x in batches():
        optimizer.zero_grad()
        loss_of(network(x), x).backward()
        optimizer.step()
    return network.state_dict()


def with_ddp(rank, count):
    """Train under DistributedDataParallel."""
    dist.init_process_group("gloo")
    network, optimizer = build()
    wrapped = nn.parallel.DistributedDataParallel(network)
    for x in batches():
        part = own(x, rank, count)
        optimizer.zero_grad()
        loss_of(wrapped(part), part).backward()
        optimizer.step()
    return network.state_dict()


def with_fsdp(rank, count):
    """Train with the weights of each layer divided among the processes."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (count,))
    network, _ = build()
    for layer in (network.first, network.second, network):
        fully_shard(layer, mesh=mesh)
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)
    for x in batches():
        part = own(x, rank, count)
        optimizer.zero_grad()
        loss_of(network(part), part).backward()
        optimizer.step()
    return {name: value.full_tensor() for name, value in network.state_dict().items()}


def with_accelerate(rank, count):
    """Train under Accelerate."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    network, optimizer = build()
    wrapped, optimizer = accelerator.prepare(network, optimizer)
    for x in batches():
        part = own(x, rank, count)
        optimizer.zero_grad()
        accelerator.backward(loss_of(wrapped(part), part))
        optimizer.step()
    return accelerator.unwrap_model(wrapped).state_dict()


def with_lightning(rank, count):
    """Train under a Trainer of Lightning."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network, self.optimizer = build()

        def training_step(self, x, index):
            """Return the loss of a batch."""
            part = own(x[0], rank, count)
            return loss_of(self.network(part), part)

        def configure_optimizers(self):
            """Return the optimiser."""
            return self.optimizer

    module = Module()
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=count,
        strategy="ddp",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader([(x,) for x in batches()], batch_size=None))
    return module.network.state_dict()


ENGINES = {"ddp": with_ddp, "fsdp": with_fsdp, "accelerate": with_accelerate, "lightning": with_lightning}


def main(engine, folder):
    """Train by an engine in this process, and keep the weights."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    weights = ENGINES[engine](rank, count)
    torch.save({name: value.detach().clone() for name, value in weights.items()}, folder / f"{engine}.{rank}.pt")
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
