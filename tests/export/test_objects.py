"""Layers as object files: linked with a program of a user's, they give what the layer gives, and need no library."""

import struct

import pytest
import torch

import elman
from compiled import NEEDED, assert_agrees, fuses, run_program
from elman import export
from elman.errors import ConfigError, ElmanError
from elman.export.objects import targets
from elman.export.wasm import memory
from elman.testing.random_cells import random_cell
from open_sizes import sizes_of
from programs import needs

T, I, H = 13, 5, 7
EMULATED = {
    "thumb": {f"__aeabi_{name}" for name in ("fadd", "fsub", "fmul", "fdiv", "fcmpgt", "fcmplt")},
    "riscv": {"__addsf3", "__subsf3", "__mulsf3", "__divsf3", "__gtsf2", "__ltsf2"},
}
"""What computes floats where the processor cannot; it comes with every compiler."""
SYSTEMS = {
    "gcc": None,
    "Cortex-M4": "thumbv7em-none-eabihf",
    "Cortex-M3": "thumbv7m-none-eabi",
}
WITH_PROGRAMS = [pytest.param(name, marks=needs(*NEEDED[name])) for name in SYSTEMS]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(26)


@pytest.mark.parametrize("name", ["gru", "cfc"])
@pytest.mark.parametrize("compiler", WITH_PROGRAMS)
def test_a_program_of_the_user_gives_what_the_layer_gives(compiler, name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, num_layers=2, sizes=sizes_of(name))
    agreement = export.to_object(layer, tmp_path / "net.o", target=SYSTEMS[compiler])
    assert 0 < agreement.difference <= agreement.bound
    assert_agrees(layer, tmp_path, compiler, "net.h")


@needs("gcc", *NEEDED["Cortex-M4"])
def test_the_bits_are_those_of_the_file_of_c(tmp_path):
    if not fuses():
        pytest.skip("this processor has no fused multiply-add")
    layer, outputs = elman.nn.LSTM(I, 19, num_layers=2), []
    export.to_object(layer, tmp_path / "net.o", target="thumbv7em-none-eabihf")
    export.to_c(layer, tmp_path / "net.c")
    for compiler, source in (("Cortex-M4", "net.h"), ("gcc for this processor", "net.c")):
        torch.manual_seed(7)
        outputs.append([found for found, _ in run_program(layer, tmp_path, compiler, source)])
    assert all(torch.equal(*pair) for pair in zip(*outputs, strict=True))


@pytest.mark.parametrize("seed", [3, 11, 23])
def test_a_random_cell_is_written(seed, tmp_path):
    write_random(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_random_cells_are_written(seed, tmp_path):
    write_random(seed, tmp_path)


def write_random(seed, tmp_path):
    cell = random_cell(seed)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=dict.fromkeys(cell.open_sizes, 3))
    for target in (None, "thumbv7em-none-eabihf"):
        agreement = export.to_object(layer, tmp_path / "net.o", target=target, force=True)
        assert agreement.difference <= agreement.bound


@pytest.mark.slow
@pytest.mark.parametrize("compiler", WITH_PROGRAMS)
@pytest.mark.parametrize("name", elman.cells.names())
def test_every_cell_of_the_zoo_runs_in_a_program(name, compiler, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, sizes=sizes_of(name))
    export.to_object(layer, tmp_path / "net.o", target=SYSTEMS[compiler])
    assert_agrees(layer, tmp_path, compiler, "net.h")


def undefined(code):
    """Return the names that an ELF file does not define, and the number of its processor."""
    kind = "<" if code[5] == 1 else ">"
    wide = code[4] == 2
    sections_at, size, count = (
        (struct.unpack_from(kind + form, code, at)[0] for form, at in (("QHH"[0], 40), ("H", 58), ("H", 60)))
        if wide
        else (struct.unpack_from(kind + form, code, at)[0] for form, at in (("I", 32), ("H", 46), ("H", 48)))
    )
    found = set()
    heads = [
        struct.unpack_from(kind + ("IIQQQQIIQQ" if wide else "10I"), code, sections_at + k * size) for k in range(count)
    ]
    for head in heads:
        if head[1] != 2:  # the table of symbols
            continue
        names = heads[head[6]][4]
        for at in range(head[4] + head[9], head[4] + head[5], head[9]):
            name, section = (
                struct.unpack_from(kind + form, code, at + place)[0]
                for form, place in (("I", 0), ("H", 6 if wide else 14))
            )
            if section == 0:
                found.add(code[names + name : code.index(b"\0", names + name)].decode())
    return found, struct.unpack_from(kind + "H", code, 18)[0]


@pytest.mark.parametrize("triple", targets.TARGETS)
def test_every_known_target_is_written_and_needs_no_library(triple, tmp_path, capfd):
    layer = elman.nn.LSTM(41, 300)  # whose loops over states are long enough to be calls of memcpy
    export.to_object(layer, tmp_path / "net.o", target=triple)
    code, target = (tmp_path / "net.o").read_bytes(), targets.TARGETS[triple]
    if "apple" in triple:
        assert code[:4] == b"\xcf\xfa\xed\xfe"
    elif "windows" in triple:
        assert code[:2] == b"\x64\x86"
        assert b"memcpy" not in code
        assert b"memset" not in code
    else:
        names, machine = undefined(code)
        assert names <= (set() if target.has_floats else EMULATED[triple[:5]])
        assert machine == {"thumb": 40, "armv7": 40, "aarch": 183, "x86_6": 62, "riscv": 243}[triple[:5]]
    header = (tmp_path / "net.h").read_text()
    assert triple in header
    assert ("What computes floats there" in header) != target.has_floats
    assert capfd.readouterr().err == ""  # nothing that LLVM does not know


def test_a_file_for_another_machine_says_what_was_compared(tmp_path):
    other = next(name for name in targets.TARGETS if name.startswith("thumbv8"))
    export.to_object(elman.nn.GRU(I, H), tmp_path / "own.o")
    export.to_object(elman.nn.GRU(I, H), tmp_path / "their.o", target=other)
    assert "Its outputs differ from those of the layer by at most" in (tmp_path / "own.h").read_text()
    assert "Compiled for another machine, its outputs differ" in (tmp_path / "their.h").read_text()


def test_a_header_names_what_a_processor_emulates(tmp_path):
    @elman.cell
    def turns(x, h, *, W, U, b):
        return elman.sin(W @ x + U @ h + b)

    layer = elman.nn.Recurrent(turns, I, H)
    for triple, needed in (("thumbv7em-none-eabihf", True), ("aarch64-unknown-none", False)):
        export.to_object(layer, tmp_path / "net.o", target=triple, force=True)
        names, _ = undefined((tmp_path / "net.o").read_bytes())
        assert bool(names) == needed
        assert ("computes doubles" in (tmp_path / "net.h").read_text()) == needed


def test_states_that_trade_places_do_so(tmp_path):
    @elman.cell
    def trade(x, h, c, m, *, W):
        return W @ x + c, m, c

    assert export.to_object(elman.nn.Recurrent(trade, I, H), tmp_path / "net.o").difference < 2e-6


def test_files_that_differ_are_not_put_in_place(tmp_path, monkeypatch):
    for ending in ("o", "h"):
        (tmp_path / f"net.{ending}").write_text("what was there")
    monkeypatch.setattr(memory, "pack", lambda matrix: 2 * matrix.repeat(4, 0))
    with pytest.raises(ElmanError, match=r"differs by .* Nothing was written"):
        export.to_object(elman.nn.GRU(I, H), tmp_path / "net.o", force=True)
    assert {path.read_text() for path in tmp_path.iterdir()} == {"what was there"}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("layer", "options", "text"),
    [
        ({"bidirectional": True}, {}, "bidirectional"),
        ({}, {"name": "1st"}, "is no name in C"),
        ({}, {"target": "pdp11"}, r"'pdp11' is unknown. There are: aarch64-apple-darwin, .*thumbv7em-none-eabihf"),
        ({}, {"target": ""}, "'' is unknown"),
    ],
)
def test_what_an_object_file_cannot_be_is_refused(layer, options, text, tmp_path):
    with pytest.raises(ConfigError, match=text):
        export.to_object(elman.nn.GRU(I, H, **layer), tmp_path / "net.o", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_is_there_is_kept(tmp_path):
    (tmp_path / "net.h").write_text("mine")
    with pytest.raises(ConfigError, match=r"net\.h exists"):
        export.to_object(elman.nn.GRU(I, H), tmp_path / "net.o")
    with pytest.raises(ConfigError, match="is the name of the header"):
        export.to_object(elman.nn.GRU(I, H), tmp_path / "net.h", force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
