r"""Compile the text of an LLVM module to an object file, for any processor that LLVM knows.

>>> triple = "thumbv7em-none-eabi"
>>> machine = all_targets().Target.from_triple(triple).create_target_machine(reloc="static", codemodel="default")
>>> compile_text("define i32 @answer() { ret i32 42 }", triple, machine)[:4]
b'\x7fELF'
"""

import functools
from types import ModuleType
from typing import Any


@functools.cache
def all_targets() -> ModuleType:
    """Return LLVM, ready for every processor that it knows."""
    from llvmlite import binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    return binding


def compile_text(text: str, triple: str, machine: Any) -> bytes:
    """Compile the text of a module.

    Args:
        text: of the module.
        triple: LLVM's name for processor, system and file format.
        machine: LLVM's description of the processor.
    """
    binding = all_targets()
    with binding.create_context() as context, binding.parse_assembly(text, context) as module:
        module.triple, module.data_layout = triple, str(machine.target_data)
        module.verify()
        options = binding.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = False  # what is written are vectors
        options.loop_unrolling = False
        builder = binding.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        return bytes(machine.emit_object(module))
