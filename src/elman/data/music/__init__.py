r"""Music as frames: what sounds in each moment of a grid, from MIDI files and from piano rolls.

`piece` defines a frame (its notes from the top, each started or held) and a piece; `midi` and `midi_notes` read and
write MIDI, with `instruments` for the names of programs; `rolls` reads piano rolls, with `matlab` for those of MATLAB;
`opening` reads files and folders, and says what was inferred.

>>> from elman.data.music.piece import HELD, Piece
>>> piece = Piece("a.mid", ((67, 60), (67 + HELD, 60)), since=(0, 1), until=(16, 15))
>>> [piece.pitches(frame) for frame in range(2)]
[(67, 60), (67, 60)]
"""
