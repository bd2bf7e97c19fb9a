"""The instruments of General MIDI: a program is one of 128, in 16 families of eight.

>>> family_of(24), family_of(0)
('guitar', 'piano')
"""

DRUM_CHANNEL = 9
"""Counted from 0: channel 10."""

FAMILIES = (
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe",
    "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects",
)  # fmt: skip


def family_of(program: int) -> str:
    """Return the family of a program, from 0 to 127."""
    return FAMILIES[program // 8]
