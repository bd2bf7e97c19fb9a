"""Time speech recognition on one core, a sound at once and as it arrives, beside the same layers of torch.

Both sides compute features with our code, and everything behind them with their own layers, of the size that `elman
train transcribe` has by default. `rtf` is the real-time factor: seconds of work for a second of sound. As it arrives, a
sound comes in pieces of 40 ms, each of which becomes a step. The peak of the memory is that of a process of its own,
which hears so many minutes of 16 kHz: as a stream, and from a file that is cut at its pauses.

    python -m bench.speed.hearing stream 60        one figure, in MiB
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
import torch

from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, QUICK, Pace, on_threads, side_by_side, times_as_fast
from bench.speed.memory import MIB, RESIDENT
from bench.speed.progress import track
from bench.speed.report import Result, Row
from bench.speed.torch_hearer import TorchHearer
from bench.speed.worker import ROOT
from elman import cells
from elman.data.dataset import Sound
from elman.encoders.normalising import RunningScaling
from elman.encoders.scaling import Scaling
from elman.models.layers import Layers
from elman.tasks.transcribe.encoder import SpeechEncoder, as_example, learn_encoder
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.module import SUBSAMPLING, SpeechNetwork
from elman.tasks.transcribe.streaming import ArrivingSteps, count_lag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE, SECONDS, MINUTES = 16_000, 10, (1, 60)
CASES = tuple((kind, way) for kind in ("LSTM", "GRU") for way in ("both", "forward", "arriving"))
CLOSE = 1e-3


def make_hearer(kind: str, *, bidirectional: bool, hidden: int = 128) -> tuple[SpeechNetwork, SpeechEncoder]:
    """Make a network of random weights, and its encoder."""
    encoder = learn_encoder(
        ["the quick brown fox jumps over the lazy dog"], RATE, None, mels=40, frame=25.0, hop=10.0, deltas=True
    )
    if not bidirectional:
        scaling = Scaling((-8.0,) * 40, (3.0,) * 40)
        encoder = SpeechEncoder(encoder.features, 40, True, encoder.vocabulary, running=RunningScaling(scaling))
    layers = Layers(hidden=hidden, layers=2, bidirectional=bidirectional)
    module = SpeechNetwork(cells.find(kind.lower()), layers, features=encoder.width, units=encoder.units)
    return module.eval(), encoder


def make_sound(seconds: float, seed: int = 1) -> np.ndarray[Any, Any]:
    """Make noise with a pause every three seconds."""
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE), np.float32)
    samples[np.arange(len(samples)) % (3 * RATE) > 2.5 * RATE] *= 0.01
    return samples


def run(pace: Pace = FULL) -> Result:
    """Measure every case; `ratio` says how many times as fast ours is."""
    rows = [_measure(kind, way, pace) for kind, way in track("hearing", CASES)]
    minutes = MINUTES if pace is not QUICK else (1, 2)
    memory = {how: [_peak(how, count) for count in minutes] for how in ("stream", "file")}
    notes = [
        f"peak memory of {minutes[0]} and {minutes[1]} minutes, {how}: {first:.0f} and {last:.0f} MiB"
        for how, (first, last) in memory.items()
    ]
    lag = count_lag(make_hearer("GRU", bidirectional=False)[1], 0)
    assert lag is not None
    return Result(rows, notes=[f"a step is known {1000 * lag / RATE:g} ms after its beginning", *notes])


@torch.no_grad()
def _measure(kind: str, way: str, pace: Pace) -> Row:
    ours, encoder = make_hearer(kind, bidirectional=way == "both")
    theirs: Any = TorchHearer(ours).eval()
    sound = make_sound(SECONDS)
    step = SUBSAMPLING * RATE // 100
    frames = encoder.encode(as_example(Sound(sound, RATE), "it"))[:, None]
    lengths = torch.tensor([len(frames)])
    apart = float((ours(frames, lengths)[0] - theirs(frames, lengths)[0]).abs().max())
    if not apart < CLOSE:
        raise RuntimeError(f"torch computes another network than ours: {apart:.1e} apart.")

    def whole(module: Any) -> object:
        found = encoder.encode(as_example(Sound(sound, RATE), "it"))[:, None]
        return module(found, torch.tensor([len(found)]))

    def arrive(module: Any) -> Any:
        steps, place = ArrivingSteps(module, encoder), 0

        def hear() -> object:
            nonlocal place
            place = (place + step) % (len(sound) - step)
            return steps.hear(sound[place : place + step])

        return hear

    calls = {
        name: arrive(module) if way == "arriving" else lambda module=module: whole(module)
        for name, module in (("elman", ours), ("torch", theirs))
    }
    with torch.no_grad():
        timings = side_by_side({name: on_threads(call, 1) for name, call in calls.items()}, pace)
    heard = 1000 * (step / RATE if way == "arriving" else SECONDS)
    ratio = times_as_fast(timings["elman"], timings["torch"])
    return {
        "kind": kind,
        "size": way,
        "elman ms": timings["elman"].median,
        "torch ms": timings["torch"].median,
        "elman rtf": timings["elman"].median / heard,
        "torch rtf": timings["torch"].median / heard,
        "ratio": ratio.value,
        "quartiles": {"low": ratio.low, "high": ratio.high},
        "timings": {name: vars(timing) for name, timing in timings.items()},
    }


def _peak(how: str, minutes: int) -> float:
    command = [sys.executable, "-m", "bench.speed.hearing", how, str(minutes)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout)


def main(how: str, minutes: str) -> None:
    """Hear in this process, and print the peak of its memory in MiB."""
    torch.set_num_threads(1)
    module, encoder = make_hearer("LSTM", bidirectional=how == "file")
    model = TrainedTranscriber(module=module, encoder=encoder, configuration={})
    if how == "stream":
        stream, piece = model.stream(), make_sound(1)
        for _ in range(60 * int(minutes)):
            stream.hear(piece)
        stream.end()
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "long.wav")
            with soundfile.SoundFile(path, "w", RATE, 1) as file:
                for minute in range(int(minutes)):
                    file.write(make_sound(60, minute))
            model.transcribe([path], beam=1)
    lines = RESIDENT.read_text(encoding="utf-8").splitlines()
    print(1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / MIB)


def draw(rows: list[Row]) -> "Figure":
    """Draw how many times as fast ours is, for whole sounds and for one that arrives."""
    return draw_ratios(rows, "Speech recognition on one core (CPU, float32)", "how a sound is heard")


if __name__ == "__main__":
    main(*sys.argv[1:])
