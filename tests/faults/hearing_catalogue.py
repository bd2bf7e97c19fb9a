"""Faults in speech that is written while it arrives: its frames, its running mean, what a network waits for."""

from faults.fault import Fault

ARRIVING = "tests/encoders/test_arriving.py"
STREAMING = "tests/tasks/transcribe/test_streaming.py"

HEARING_FAULTS = (
    Fault(
        "a frame is rounded by how many others there are",
        "encoders/mel.py",
        "linear(spectrum.square().sum(2), self._bank)",
        "(spectrum.square().sum(2) @ self._bank.t())",
        ARRIVING,
        "frames_are_those",
    ),
    Fault(
        "the last frame of a sound that arrived is lost where its samples end within it",
        "encoders/arriving.py",
        "missing = self._bands.count(self.samples) - self._frames",
        "missing = 0",
        ARRIVING,
        "frames_are_those",
    ),
    Fault(
        "half a sample at the end of a piece is lost",
        "data/formats/arriving.py",
        "self._rest = self._rest[whole:]",
        'self._rest = b""',
        ARRIVING,
        "bytes_become",
    ),
    Fault(
        "a step is written before the slopes of its last frame are known",
        "tasks/transcribe/streaming.py",
        "return REACH + (2 * DELTA_REACH if encoder.deltas else 0)",
        "return REACH + (DELTA_REACH if encoder.deltas else 0)",
        STREAMING,
        "exactly or any_size",
    ),
    Fault(
        "frames that the next step needs are forgotten",
        "tasks/transcribe/streaming.py",
        "SUBSAMPLING * (self._done - -(-self._ahead // SUBSAMPLING))",
        "SUBSAMPLING * (self._done - self._ahead // SUBSAMPLING)",
        STREAMING,
        "any_size or single",
    ),
    Fault(
        "a stream looks ahead from what it has read out before",
        "tasks/transcribe/streaming.py",
        "self._open = both[known:].clone()",
        "self._open = both[max(0, known - 1) :].clone()",
        STREAMING,
        "any_size or single",
    ),
    Fault(
        "at the end of a sound the steps that wait are lost",
        "tasks/transcribe/streaming.py",
        "known = len(both) if is_end else max(0, len(both) - ahead.steps)",
        "known = max(0, len(both) - ahead.steps)",
        STREAMING,
        "any_size or single",
    ),
    Fault(
        "the running mean begins anew with every piece",
        "tasks/transcribe/streaming.py",
        "scaled, self._moments = self._running.apply(frames, self._moments)",
        "scaled, _ = self._running.apply(frames, self._moments)",
        STREAMING,
        "any_size or single",
    ),
    Fault(
        "the running mean starts from what is held out",
        "tasks/transcribe/reading.py",
        "encoder = learn_running(encoder, split.learn, quiet)",
        "encoder = learn_running(encoder, split.hold, quiet)",
        STREAMING,
        "learnt_from_alone",
    ),
    Fault(
        "a word of a sound that arrives is written before it has ended",
        "tasks/transcribe/listening.py",
        "behind = places[-1] if places else 0",
        "behind = len(heard)",
        STREAMING,
        "any_size",
    ),
)
