"""The processors for which object files are written, by LLVM's triples, and this machine.

>>> find("thumbv7em-none-eabihf").cpu
'cortex-m4'
>>> find("pdp11-dec-bsd")
Traceback (most recent call last):
elman.errors.ConfigError: export: the target 'pdp11-dec-bsd' is unknown. There are: aarch64-apple-darwin, \
aarch64-unknown-linux-gnu, aarch64-unknown-none, armv7-unknown-linux-gnueabihf, riscv32-unknown-none-elf, \
riscv64-unknown-linux-gnu, thumbv6m-none-eabi, thumbv7em-none-eabi, thumbv7em-none-eabihf, thumbv7m-none-eabi, \
thumbv8m.main-none-eabihf, x86_64-apple-darwin, x86_64-pc-windows-msvc, x86_64-unknown-linux-gnu. Without --target the \
file is for this machine. Elsewhere, compile the file of C.
"""

import os
from dataclasses import dataclass, replace
from typing import Any

from elman.errors import ConfigError
from elman.export.wasm.compiling import all_targets


@dataclass(frozen=True)
class ObjectTarget:
    """A processor and a system for which object files are written.

    Attributes:
        triple: LLVM's name for processor, system and file format.
        what: the processors, in words.
        cpu: LLVM's name of the oldest of them.
        features: LLVM's names of what they have more or less.
        abi: of calls, where the triple leaves it open.
        fuses: whether they have a fused multiply-add.
        has_floats: whether they compute floats themselves.
    """

    triple: str
    what: str
    cpu: str = "generic"
    features: str = ""
    abi: str = ""
    fuses: bool = False
    has_floats: bool = True

    @property
    def is_small(self) -> bool:
        """Whether it is a processor without doubles."""
        return self.triple.startswith(("thumb", "riscv32"))

    @property
    def full_triple(self) -> str:
        """The triple in four parts: in three, LLVM would take the kind of calls for the system."""
        return self.triple.replace("-none-eabi", "-none-unknown-eabi")

    def machine(self) -> Any:
        """Return LLVM's description."""
        return (
            all_targets()
            .Target.from_triple(self.full_triple)
            .create_target_machine(
                cpu=self.cpu,
                features=self.features,
                opt=2,
                # Where there is a system, it may load the code at any place.
                reloc="static" if "-none" in self.triple else "pic",
                codemodel="default",
                abiname=self.abi,
            )
        )


TARGETS = {
    target.triple: target
    for target in (
        ObjectTarget("thumbv6m-none-eabi", "Cortex-M0 and M0+", "cortex-m0", has_floats=False),
        ObjectTarget("thumbv7m-none-eabi", "Cortex-M3", "cortex-m3", has_floats=False),
        ObjectTarget("thumbv7em-none-eabi", "Cortex-M4 and M7 without their unit for floats", has_floats=False),
        ObjectTarget("thumbv7em-none-eabihf", "Cortex-M4F and M7", "cortex-m4", fuses=True),
        ObjectTarget("thumbv8m.main-none-eabihf", "Cortex-M33 and later", "cortex-m33", fuses=True),
        # NEON of this version counts the smallest numbers as 0.
        ObjectTarget("armv7-unknown-linux-gnueabihf", "ARMv7 under Linux", features="+vfp3d16,-neon"),
        ObjectTarget("aarch64-unknown-none", "64-bit ARM without a system", fuses=True),
        ObjectTarget("aarch64-unknown-linux-gnu", "64-bit ARM under Linux", fuses=True),
        ObjectTarget("aarch64-apple-darwin", "64-bit ARM under macOS", fuses=True),
        ObjectTarget("x86_64-unknown-linux-gnu", "x86-64 under Linux", "x86-64"),
        ObjectTarget("x86_64-apple-darwin", "x86-64 under macOS", "x86-64"),
        ObjectTarget("x86_64-pc-windows-msvc", "x86-64 under Windows", "x86-64"),
        ObjectTarget(
            "riscv32-unknown-none-elf",
            "RV32IMC, such as the ESP32-C3",
            "generic-rv32",
            "+m,+c",
            "ilp32",
            has_floats=False,
        ),
        ObjectTarget(
            "riscv64-unknown-linux-gnu", "RV64GC under Linux", "generic-rv64", "+m,+a,+f,+d,+c", "lp64d", fuses=True
        ),
    )
}


def find(triple: str | None) -> ObjectTarget:
    """Return a target by its triple; None is this machine.

    Raises:
        ConfigError: it is none of them.
    """
    here = this_machine()
    if triple is None or triple == here.triple:
        return here
    if triple not in TARGETS:
        raise ConfigError(
            f"export: the target {triple!r} is unknown. There are: {', '.join(sorted(TARGETS))}. Without --target the "
            "file is for this machine. Elsewhere, compile the file of C."
        )
    return TARGETS[triple]


def this_machine() -> ObjectTarget:
    """Return this machine, and every other one of its kind."""
    triple = all_targets().get_process_triple()
    kind, _, system = triple.partition("-")
    if kind in ("arm64", "aarch64"):
        return ObjectTarget(triple, "this machine", fuses=True)
    known = next((one for one in TARGETS.values() if one.triple.startswith(f"{kind}-") and "none" not in system), None)
    return replace(known, triple=triple, what="this machine") if known else ObjectTarget(triple, "this machine")


def loader_of(target: ObjectTarget) -> ObjectTarget:
    """Return what the code must be compiled for, so that this process can load it: as on this machine, fused or not."""
    here = this_machine()
    features = (
        {"x86_64": "+fma"}.get(here.triple.partition("-")[0], "") if target.fuses and has_fma() else here.features
    )
    triple = f"{here.triple}-elf" if os.name == "nt" else here.triple  # which is what LLVM loads there
    return replace(here, triple=triple, features=features, fuses=target.fuses)


def has_fma() -> bool:
    """Tell whether this processor has a fused multiply-add."""
    return bool(all_targets().get_host_cpu_features().get("fma", False))
