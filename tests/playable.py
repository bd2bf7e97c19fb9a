"""Write small files of music: MIDI with mido, and bytes of MIDI by hand."""

import random
import struct

import mido

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x40"
"""A quarter note of the middle c, at 480 ticks."""


def midi_bytes(track=NOTE + END, kind=0, tracks=1, division=480):
    """Give the bytes of a MIDI file with one track, whatever its header says."""
    header = b"MThd" + struct.pack(">IHHH", 6, kind, tracks, division)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def write_song(path, notes, *, channel=0, program=None, name=None, tempo=120, signature=(4, 4), ticks=480):
    """Write notes (start, end, pitch, velocity), in sixteenths, as a MIDI file."""
    track = mido.MidiTrack()
    if name is not None:
        track.append(mido.MetaMessage("track_name", name=name))
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
    track.append(mido.MetaMessage("time_signature", numerator=signature[0], denominator=signature[1]))
    if program is not None:
        track.append(mido.Message("program_change", channel=channel, program=program))
    events = [(end, 0, pitch, 0) for _, end, pitch, _ in notes]
    events += [(start, 1, pitch, velocity) for start, _, pitch, velocity in notes]
    before = 0
    for place, starts, pitch, velocity in sorted(events):
        tick = place * ticks // 4
        message = "note_on" if starts else "note_off"
        track.append(mido.Message(message, channel=channel, note=pitch, velocity=velocity, time=tick - before))
        before = tick
    mido.MidiFile(ticks_per_beat=ticks, tracks=[track]).save(path)
    return path


def draw_tune(seed, bars=3, lowest=60):
    """Draw a melody of eighths over held thirds."""
    drawn = random.Random(seed)
    notes, pitch = [], lowest + 7
    for beat in range(0, 16 * bars, 2):
        pitch = min(max(pitch + drawn.choice((-2, -1, 1, 2)), lowest + 5), lowest + 16)
        notes.append((beat, beat + 2, pitch, 70 + beat % 16))
    for bar in range(bars):
        root = lowest + drawn.choice((-12, -7, -5))
        notes += [(16 * bar, 16 * bar + 16, root, 60), (16 * bar, 16 * bar + 8, root + 4, 60)]
    return notes


def write_songs(folder, count, **options):
    """Write a folder of songs."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_song(folder / f"{number:02}.mid", draw_tune(number, **options))
    return folder
