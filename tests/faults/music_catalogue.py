"""Faults to plant in models of music: in reading, in probabilities, in composing, in tablature and sound."""

from faults.fault import Fault

MIDI = "tests/data/music/test_midi.py"
ROLLS = "tests/data/music/test_rolls.py"
LAYERS = "tests/tasks/compose/test_module.py"
COMPOSING = "tests/tasks/compose/test_composing.py"
TABLATURE = "tests/tasks/compose/test_tablature.py"
SOUND = "tests/tasks/compose/test_sound.py"
RECIPE = "tests/tasks/compose/test_recipe.py"

MUSIC_FAULTS = (
    Fault(
        "a start of velocity 0 starts a note",
        "data/music/midi_notes.py",
        'event.kind == "note_on" and event.second > 0',
        'event.kind == "note_on"',
        tests=MIDI,
        only="ended or endless or mido_reads",
    ),
    Fault(
        "times in frames of film are read as ticks",
        "data/music/midi.py",
        "if division & 0x8000:",
        "if division & 0x8000 == 1:",
        tests=MIDI,
        only="SMPTE",
    ),
    Fault(
        "a bar of three quarters has four",
        "data/music/midi.py",
        "gone = (frame - start) * lower % (grid * upper)",
        "gone = (frame - start) * lower % (grid * lower)",
        tests=MIDI,
        only="time_signature",
    ),
    Fault(
        "the keys of a piano begin a semitone higher",
        "data/music/rolls.py",
        "_KEYS, _LOWEST = 88, 21",
        "_KEYS, _LOWEST = 88, 22",
        tests=ROLLS,
        only="parts_of_a_data_set",
    ),
    Fault(
        "a note may be written that is not below the last",
        "tasks/compose/joint.py",
        "lower = (pitches < above[:, None])",
        "lower = (pitches <= above[:, None])",
        tests=LAYERS,
        only="sum_to_one",
    ),
    Fault(
        "any note may go on",
        "tasks/compose/joint.py",
        "parts.append(lower & (sounded[:, :PITCHES] | sounded[:, PITCHES:]))",
        "parts.append(lower)",
        tests=LAYERS,
        only="sum_to_one or cannot_go_on",
    ),
    Fault(
        "the end of a frame costs nothing",
        "tasks/compose/joint.py",
        "device=notes.device) <= counts[:, None])",
        "device=notes.device) < counts[:, None])",
        tests=LAYERS,
        only="sum_to_one",
    ),
    Fault(
        "the frame itself is read in place of the one before",
        "tasks/compose/batches.py",
        "return MusicBatch(rows[2:], rows[1:-1], rows[:-2],",
        "return MusicBatch(rows[2:], rows[2:], rows[:-2],",
        tests=LAYERS,
        only="future or sum_to_one",
    ),
    Fault(
        "the end symbol is transposed too",
        "tasks/compose/batches.py",
        "own = torch.where(own < self.end, own + shifts[b], own)",
        "own = own + shifts[b]",
        tests=LAYERS,
        only="transposed",
    ),
    Fault(
        "the state of a piece starts again in each of its parts",
        "tasks/compose/scores.py",
        "log_p, state, context = module.read(batch, state)",
        "log_p, _, context = module.read(batch, None)",
        tests=LAYERS,
        only="in_parts",
    ),
    Fault(
        "notes above a melody are drawn",
        "tasks/compose/composing.py",
        "(pitches < bound) & (pitches >= lowest)",
        "(pitches >= lowest)",
        tests=COMPOSING,
        only="on_top or be_played",
    ),
    Fault(
        "a composer reads the frame before last",
        "tasks/compose/composing.py",
        "for back in (1, 2))",
        "for back in (2, 1))",
        tests=COMPOSING,
        only="is_that_of_the_model",
    ),
    Fault(
        "two notes share a string",
        "tasks/compose/tablature.py",
        "if len({string for string, _, _ in fingering}) == count and _span",
        "if _span",
        tests=TABLATURE,
        only="lines_hold or no_string",
    ),
    Fault(
        "the hand moves for nothing",
        "tasks/compose/tablature.py",
        "_MOVE * abs(now - before)",
        "_MOVE * (now - before)",
        tests=TABLATURE,
        only="cheapest",
    ),
    Fault(
        "a string is half a sample too short",
        "tasks/compose/sound.py",
        "speed = (line_length + 0.5) / period",
        "speed = line_length / period",
        tests=SOUND,
        only="has_its_pitch",
    ),
    Fault(
        "a model is validated on the part to test with",
        "tasks/compose/reading.py",
        'learn, hold, left_out = _to_learn(read), read.parts["valid"], 0',
        'learn, hold, left_out = _to_learn(read), read.parts["test"], 0',
        tests=RECIPE,
        only="used_for_what_they_are",
    ),
)
