"""Make transcribers that were never trained and write much, and sounds for them: loud and quiet noise."""

from dataclasses import replace

import numpy as np
import torch

from elman import cells
from elman.data.dataset import Sound
from elman.encoders.normalising import RunningScaling
from elman.encoders.scaling import Moments
from elman.models.layers import Layers
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import learn_encoder
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.module import SpeechNetwork
from speakable import RATE

SAMPLES = round(1.3 * RATE)


def make_transcriber(
    cell="gru", *, deltas=True, frame=25.0, hop=10.0, frames=None, bidirectional=False, running=True, look_ahead=0
):
    """Make a model that was never trained, and that writes much."""
    torch.manual_seed(7)
    encoder = learn_encoder(["ab c d"], None if frames else RATE, frames, mels=11, frame=frame, hop=hop, deltas=deltas)
    moments = Moments(encoder.size)
    moments.add(np.random.default_rng(2).normal(-4, 3, (90, encoder.size)))
    if running:
        encoder = replace(encoder, running=RunningScaling(moments.scaling(), prior=7, memory=40))
    layers = Layers(hidden=13, layers=2, bidirectional=bidirectional)
    own = {"channels": 17, "look_ahead": look_ahead}
    module = SpeechNetwork(cells.find(cell), layers, features=encoder.width, units=encoder.units, **own)
    if look_ahead:
        torch.nn.init.normal_(module.ahead.weight)
    for _ in range(3):
        module(torch.randn(50, 3, encoder.width) * 2, torch.tensor([50, 50, 9]))
    configuration = {"hidden": 13, "layers": 2, "bidirectional": bidirectional, **own}
    model = TrainedTranscriber(module=module.eval(), encoder=encoder, configuration=configuration)
    heard = np.random.default_rng(1).normal(-4, 3, (60, frames)) if frames else Sound(sound_of(8), RATE)
    few = EncodedSpeech(as_speech([heard]), encoder).batch([0])
    with torch.no_grad():
        output = module.look_ahead(module.recurrent(module.convolve(few.frames, few.lengths)[0])[0])
        torch.nn.init.normal_(module.readout.weight, std=40)
        module.readout.bias.copy_(-module.readout.weight @ output.mean((0, 1)))
    return model


def sound_of(seed, samples=SAMPLES):
    drawn = np.random.default_rng(seed)
    loud = np.repeat(drawn.uniform(0.001, 0.5, samples // 400 + 1), 400)[:samples]
    return (loud * drawn.normal(size=samples)).astype(np.float32)
