"""Make a module of WebAssembly from functions: LLVM compiles them, and the rest of the module is written here.

LLVM gives an object file, which a linker would finish. Ours has neither data nor calls of other files: arrays have
fixed addresses already, and functions call each other by their final numbers. So its types, functions and code are
taken as they are, and a memory, its first contents, exports and a card are added. (WebAssembly Core Specification 2.0,
section 5.5, and the tool conventions on linking)

>>> unsigned(624485).hex(), signed(-123456).hex()
('e58e26', 'c0bb78')
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from elman.errors import ElmanError
from elman.export.wasm.code import ModuleWriter
from elman.export.wasm.compiling import all_targets, compile_text

KEY = "elman"
"""The name of the section with the card."""
FEATURES = "+simd128,+bulk-memory"
_TRIPLE = "wasm32-unknown-unknown"
_MAGIC = b"\0asm\1\0\0\0"
_CUSTOM, _TYPE, _IMPORT, _FUNCTION, _MEMORY, _GLOBAL, _EXPORT, _CODE, _DATA = 0, 1, 2, 3, 5, 6, 7, 10, 11
_SYMBOLS, _OF_FUNCTION, _UNDEFINED = 8, 0, 0x10
_MEMORY_KIND, _GLOBAL_KIND = 2, 3
_I32, _CONST, _END = 0x7F, 0x41, 0x0B


def link(module: ModuleWriter, card: Mapping[str, Any]) -> bytes:
    """Compile a module, and return it as a file.

    Args:
        module: its functions and arrays.
        card: what it says about itself.
    """
    sections = dict(_sections(_compile(str(module.ir))))
    imported, _ = _read(sections[_IMPORT], 0)
    _require(imported == 1, "something from elsewhere")  # its memory
    numbers = _function_numbers(sections)
    functions = [(name, 0, numbers[name]) for name in module.exports]
    globals_ = [(name, _GLOBAL_KIND, number) for number, name in enumerate(module.addresses)]
    exports = [*functions, ("memory", _MEMORY_KIND, 0), *globals_]
    contents = sorted(module.memory.contents.items())
    parts = [
        (_TYPE, sections[_TYPE]),
        (_FUNCTION, sections[_FUNCTION]),
        (_MEMORY, _vector([b"\0" + unsigned(module.memory.pages)])),
        (_GLOBAL, _vector(bytes([_I32, 0]) + _number(value) for value in module.addresses.values())),
        (_EXPORT, _vector(_name(name) + bytes([kind]) + unsigned(number) for name, kind, number in exports)),
        (_CODE, sections[_CODE]),
        (_DATA, _vector(b"\0" + _number(at) + unsigned(len(data)) + data for at, data in contents)),
        (_CUSTOM, _name(KEY) + json.dumps(card, ensure_ascii=False).encode()),
    ]
    return _MAGIC + b"".join(bytes([kind]) + unsigned(len(content)) + content for kind, content in parts)


def starts_as_module(content: bytes) -> bool:
    """Tell whether a file begins as a module of WebAssembly does."""
    return content.startswith(_MAGIC)


def read_section(module: bytes, name: str) -> bytes:
    """Return a custom section of a module.

    Raises:
        ValueError, IndexError, KeyError: it is damaged, or has no section of this name.
    """
    return dict(_sections(module))[name]


def unsigned(value: int) -> bytes:
    """Write a whole number, not below 0, seven bits at a time."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def signed(value: int) -> bytes:
    """Write a whole number seven bits at a time; the last bit but one of the last byte is its sign."""
    found = bytearray()
    while not -0x40 <= value < 0x40:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value & 0x7F])


def _compile(text: str) -> bytes:
    """Compile the text of an LLVM module to an object file."""
    binding = all_targets()
    machine = binding.Target.from_triple(_TRIPLE).create_target_machine(
        cpu="generic", features=FEATURES, opt=2, reloc="static"
    )
    return compile_text(text, _TRIPLE, machine)


def _function_numbers(sections: Mapping[int | str, bytes]) -> dict[str, int]:
    """Return the number of each function by its name, from the symbols of an object file."""
    linking = sections["linking"]
    at, numbers = 1, dict[str, int]()  # a byte of the version is first
    while at < len(linking):
        kind = linking[at]
        size, at = _read(linking, at + 1)
        end = at + size
        if kind == _SYMBOLS:
            count, at = _read(linking, at)
            for _ in range(count):
                symbol, flags = linking[at], linking[at + 1]
                _require(symbol == _OF_FUNCTION and not flags & _UNDEFINED, "something from elsewhere")
                number, at = _read(linking, at + 2)
                length, at = _read(linking, at)
                numbers[linking[at : at + length].decode()] = number
                at += length
        at = end
    return numbers


def _sections(module: bytes) -> Iterator[tuple[int | str, bytes]]:
    """Yield the sections of a file by their kind, custom ones by their name."""
    at = len(_MAGIC)
    while at < len(module):
        kind = module[at]
        size, at = _read(module, at + 1)
        content, at = module[at : at + size], at + size
        if kind == _CUSTOM:
            length, start = _read(content, 0)
            yield content[start : start + length].decode(), content[start + length :]
        else:
            yield kind, content


def _read(data: bytes, at: int) -> tuple[int, int]:
    """Read a whole number, and return it with the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ElmanError(f"export: LLVM wrote {what} into the module of WebAssembly. Nothing was written. Report it.")


def _vector(items: Iterable[bytes]) -> bytes:
    listed = list(items)
    return unsigned(len(listed)) + b"".join(listed)


def _name(name: str) -> bytes:
    return unsigned(len(name.encode())) + name.encode()


def _number(value: int) -> bytes:
    """Write the expression that is a constant."""
    return bytes([_CONST]) + signed(value) + bytes([_END])
