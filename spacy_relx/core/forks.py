"""What processes that are forked from one with networks need."""

import os
from functools import partial

import torch

if hasattr(os, "register_at_fork"):
    # The threads of OpenMP do not survive a fork: where the parent has used them, the first operation of the child that
    # wants several would wait for ever, as in `nlp.pipe(n_process=2)` after training in the same process.
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
