"""Prevent deadlocks in forked processes: torch and the kernels run on one thread there.

A forked child has one thread, but GNU OpenMP's record of its pool still lists the parent's threads. The first operator
that divides its work (an embedding, a long sum) would wait for them forever. Whether torch used its pool before the
fork cannot be known, so every forked child of a process that has loaded this module uses one thread, as the workers
of torch's own `DataLoader` do. No result depends on it.
"""

import os

import torch

parent_threads = 0
"""The number of threads that torch used when this process was forked; 0 in a process that was not forked."""


def _use_one_thread() -> None:
    global parent_threads  # noqa: PLW0603 - set once, in a process that has one thread
    parent_threads = max(parent_threads, torch.get_num_threads())
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_use_one_thread)
