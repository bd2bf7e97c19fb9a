"""Say which processor code is made for: how wide its vectors are, how many it holds, and what LLVM may assume of it.

Code that is emitted for a target must run on it, so nothing is believed of a processor's name. A virtual machine often
hides what the name promises; such a feature is switched off by name in :attr:`Target.feature_string`.

Emitters write vectors of :meth:`Target.lanes` lanes and put :data:`FUNCTION_ATTRIBUTES` on every function. They must
never write ``"min-legal-vector-width"``: without it LLVM 22 keeps ``<16 x float>`` in one 512-bit register on every
AVX-512 processor, also where it prefers 256 bits by itself; with ``"min-legal-vector-width"="0"`` it halves them. Where
:attr:`Target.has_fma` is false they write a multiplication and an addition, because ``llvm.fma`` would then be one call
into libm for each lane. Other intrinsics may be calls there as well: the floor needs SSE4.1.

>>> target = named("host")
>>> target.lanes("float32") == 2 * target.lanes("float64")
True
"""

import functools
import platform
from dataclasses import dataclass

from elman.errors import BackendError

FUNCTION_ATTRIBUTES = ("nounwind",)
"""What every emitted function must carry; without it LLVM writes tables for unwinding that nothing reads."""

_AVX512 = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl"})
_AVX2 = frozenset({"avx2", "fma"})

# The levels of the x86-64 psABI, without what concerns the kernel or old integer code alone.
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
    """Describe a processor as LLVM sees it. Two are the same if they are one object, which is quick to tell.

    Attributes:
        triple: LLVM's name for machine, system and file format.
        cpu: LLVM's name of the processor, which decides how instructions are ordered.
        features: LLVM's names of the instruction sets that are on, sorted.
    """

    triple: str
    cpu: str
    features: tuple[str, ...]

    @property
    def feature_string(self) -> str:
        """Give what LLVM wants to hear: every feature that is on, then every other that it knows, off.

        The order matters. LLVM reads from left to right; a feature that is on brings those it needs with it, and one
        that is off takes away all that need it. So what is off stays off, whatever the processor's name implies.
        """
        off = sorted(_host_features().keys() - set(self.features))
        return ",".join([f"+{name}" for name in self.features] + [f"-{name}" for name in off])

    @property
    def vector_bytes(self) -> int:
        """Count the bytes of the widest vector that code should use: 64, 32 or 16."""
        if set(self.features) >= _AVX512 | _AVX2:
            return 64
        return 32 if set(self.features) >= _AVX2 else 16

    @property
    def registers(self) -> int:
        """Count the vector registers."""
        return 32 if self.vector_bytes == 64 or self._is_arm else 16

    @property
    def has_fma(self) -> bool:
        """Say if a multiplication and an addition are one instruction."""
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
    """Describe the processor that runs this process."""
    from llvmlite import binding

    features = tuple(sorted(name for name, on in _host_features().items() if on))
    # LLVM lists on Arm only what it found, so that what a name implies could not be switched off: the name is not used.
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return Target(binding.get_process_triple(), "generic" if arm else binding.get_host_cpu_name(), features)


@functools.cache
def named(name: str) -> Target:
    """Describe a processor by name, so that code for a narrower one can be made and run on this one.

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
        why = f"This processor lacks {', '.join(sorted(missing))}." if cpu else f"There are host, {', '.join(_X86)}."
        raise BackendError(f"target {name!r} is not for this machine.\n  {why}\n  Choose 'host'.")
    return Target(host().triple, cpu, tuple(sorted(features)))


@functools.cache
def _host_features() -> dict[str, bool]:
    from llvmlite import binding

    return dict(binding.get_host_cpu_features())
