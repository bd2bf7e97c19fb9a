"""Benchmarks: how fast the package is, always compared with something else in the same run.

Every claim of speed in this repository has a script here. The candidates of a case take turns, round after round, so
that other work of the machine affects all of them alike. A script prints medians, ratios of medians and, as their
spread, quartiles over the rounds; `bench/results/NAME.json` holds them with machine and versions, and `NAME.png` and
`NAME.svg` in the same folder draw them.

    make bench                            everything, in less than 25 minutes
    .venv/bin/python -m bench training    one script
    .venv/bin/python -m bench --quick     everything, with few rounds, as a test
    .venv/bin/python -m bench --whole serving    with all 100,000 requests to each server
    .venv/bin/python -m bench --draw      draw the last results again

**Threads.** Our figure is always that of two threads (`torch.set_num_threads(2)`). The peer is measured with one and
with two, and its better median counts, because torch's small layers are often slower with two. Our time with one
thread is in the JSON file. **Gradients.** An update is `zero_grad`, forward and backward; the input needs no
gradient. **Ratios** say how many times as fast as the peer ours is: above 1 is faster. **Targets** are goals; each
script says which are met.

| script | what is measured | compared with |
|---|---|---|
| `training` | an update of LSTM, GRU and RNN | torch.nn |
| `inference` | the same sizes without gradients | torch.nn |
| `small` | one time step of layers and cells, and an update of one short sequence | torch.nn |
| `word_model` | an update of PyTorch's example of a word model, the whole program | torch.nn |
| `sine_waves` | an update and a prediction of its example of sine waves, the whole program | torch.nn |
| `ragged` | sequences of unequal lengths; two layers in two directions | torch's packed sequences |
| `custom_cells` | cells that torch lacks, and their first call | a good torch loop; JAX |
| `zoo_cells` | cells with a transpose and with a softmax over units | a good torch loop |
| `streaming` | one time step of one example | torch.nn, ONNX Runtime |
| `exporting` | one step, and a hundred, of exported layers; sizes of the files | their layers |
| `translating` | beam search of a translation model, alone and in batches | its layers in torch.nn |
| `translation_updates` | an update of a translation model | its layers in torch.nn, and with input feeding |
| `hearing` | speech recognition, whole and as it arrives; memory of an hour | its layers in torch.nn |
| `bfloat16` | an update in bfloat16, with AMX and without; its memory | torch.nn in bfloat16 and float32 |
| `gradient_errors` | how exact gradients are, cell by cell | float64; torch.nn in bfloat16 |
| `roofline` | floating-point operations a second | torch.mm |
| `memory` | the peak of an update | torch.nn |
| `cost_curves` | time and memory against T, B and H | torch.nn |
| `reading` | files of up to 2,000,000 rows, until the first update | one pass with Python's csv module |
| `cluster` | updates in one process and two; projected for up to 1,024 | one process |
| `serving` | requests a second of 256 clients, p50 and p99, with batches and without | FastAPI over torch.nn.LSTM |

A script is a file of `speed` with two functions: `run` measures and returns a :class:`bench.speed.report.Result`,
`draw` makes a figure of its rows. Scores on public data sets are measured in `scores`, whose scripts are
programs of their own; `equal_files` shows whether a change of the code has changed trained models.
"""

SCRIPTS = (
    "training", "inference", "small", "word_model", "sine_waves", "ragged", "custom_cells", "zoo_cells", "streaming",
    "exporting", "translating", "translation_updates", "hearing", "bfloat16", "gradient_errors", "roofline", "memory",
    "cost_curves", "reading", "serving", "cluster",
)  # fmt: skip
"""In the order in which all of them run."""
