"""Describe the processor for which code is compiled: its vector width, its registers, its instruction sets.

Emitted code must run on its target, so a processor's name is not trusted. A virtual machine often hides instruction
sets that the name promises; each of them is switched off by name in :attr:`Target.feature_string`.

Emitters write vectors of :meth:`Target.lanes` lanes and put :data:`FUNCTION_ATTRIBUTES` on every function. They must
never write ``"min-legal-vector-width"``: without it LLVM 22 keeps ``<16 x float>`` in one 512-bit register on every
AVX-512 processor, also if its default is 256 bits; with ``"min-legal-vector-width"="0"`` it halves them. If
:attr:`Target.has_fma` is false they write a multiplication and an addition, because ``llvm.fma`` would then be one call
of libm for each lane. Other intrinsics may be calls there as well: ``floor`` needs SSE4.1.

>>> target = named("host")
>>> target.lanes("float32") == 2 * target.lanes("float64")
True
"""

import functools
import platform
from dataclasses import dataclass

from elman.errors import BackendError

FUNCTION_ATTRIBUTES = ("nounwind",)
"""The attributes of every emitted function; without them LLVM writes tables for unwinding that nothing reads."""

_AVX512 = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl"})
_AVX2 = frozenset({"avx2", "fma"})

# The levels of the x86-64 psABI, without the features that only operating systems or old integer code use.
_BASELINE = ("64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2")
_LEVEL_3 = (
    *_BASELINE,
    *("avx", "avx2", "bmi", "bmi2", "crc32", "cx16", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sahf"),
    *("sse3", "sse4.1", "sse4.2", "ssse3", "xsave"),
)
_X86 = {"avx2": ("x86-64-v3", _LEVEL_3), "baseline": ("x86-64", _BASELINE)}

_BYTES = {"float32": 4, "float64": 8}


@dataclass(frozen=True, eq=False)
class Target:
    """A processor as LLVM describes it. Targets are compared by identity, which is fast.

    Attributes:
        triple: LLVM's name for machine, system and file format.
        cpu: LLVM's name of the processor, which determines the order of instructions.
        features: LLVM's names of the enabled instruction sets, sorted.
    """

    triple: str
    cpu: str
    features: tuple[str, ...]

    @property
    def feature_string(self) -> str:
        """The features in LLVM's notation: all that are enabled, then all others that LLVM knows, disabled.

        The order matters. LLVM reads from left to right; an enabled feature enables those that it needs, and a disabled
        one disables all that need it. So a disabled feature stays off, whatever the processor's name implies.
        """
        off = sorted(_host_features().keys() - set(self.features))
        return ",".join([f"+{name}" for name in self.features] + [f"-{name}" for name in off])

    @property
    def vector_bytes(self) -> int:
        """The bytes of the widest vector that code should use: 64, 32 or 16."""
        if set(self.features) >= _AVX512 | _AVX2:
            return 64
        return 32 if set(self.features) >= _AVX2 else 16

    @property
    def registers(self) -> int:
        """The number of vector registers."""
        return 32 if self.vector_bytes == 64 or self._is_arm else 16

    @property
    def has_fma(self) -> bool:
        """Whether a multiplication and an addition are one instruction."""
        return self._is_arm or "fma" in self.features

    def lanes(self, dtype: str) -> int:
        """Count the elements of one vector.

        Args:
            dtype: ``float32`` or ``float64``.

        Raises:
            BackendError: the dtype is another.
        """
        if dtype not in _BYTES:
            raise BackendError(
                f"dtype {dtype!r} has no vectors.\n  Kernels compute in {' or '.join(_BYTES)}.\n  Convert the tensors."
            )
        return self.vector_bytes // _BYTES[dtype]

    @property
    def _is_arm(self) -> bool:
        return self.triple.startswith(("aarch64", "arm64"))


@functools.cache
def host() -> Target:
    """Describe the processor of this machine."""
    from llvmlite import binding

    features = tuple(sorted(name for name, on in _host_features().items() if on))
    # On Arm LLVM lists only the features that it detects, so those that a name implies could not be switched off.
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return Target(binding.get_process_triple(), "generic" if arm else binding.get_host_cpu_name(), features)


@functools.cache
def named(name: str) -> Target:
    """Describe a processor by name, to compile code for an older one and run it on this machine.

    Args:
        name: ``host``; or on x86-64 ``avx2`` (level x86-64-v3) and ``baseline`` (x86-64).

    Raises:
        BackendError: there is no such target, or it cannot run on this machine.
    """
    if name == "host":
        return host()
    cpu, features = _X86.get(name, ("", ()))
    missing = set(features) - set(host().features)
    if not cpu or missing:
        why = (
            f"This processor lacks {', '.join(sorted(missing))}."
            if cpu
            else f"The targets are host, {', '.join(_X86)}."
        )
        raise BackendError(f"target {name!r} cannot run on this machine.\n  {why}\n  Choose 'host'.")
    return Target(host().triple, cpu, tuple(sorted(features)))


@functools.cache
def _host_features() -> dict[str, bool]:
    from llvmlite import binding

    return dict(binding.get_host_cpu_features())
