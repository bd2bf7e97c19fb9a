"""Keep a forked process from hanging: torch, and the kernels with it, run there on one thread.

A child that is forked has one thread, but GNU OpenMP's record of its pool still names the parent's, and the first
operator that divides its work, an embedding or a long sum, would wait for them for ever. Whether torch used its pool
before the fork cannot be seen, so every child of a process that has loaded this module gets one thread, as torch's own
`DataLoader` gives its workers. Nothing that is computed depends on it.
"""

import os

import torch

parent_threads = 0
"""How many threads torch used where this process was forked; 0 in one that was not."""


def _stay_alone() -> None:
    global parent_threads  # noqa: PLW0603 - set once, in a process that has one thread
    parent_threads = max(parent_threads, torch.get_num_threads())
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stay_alone)
