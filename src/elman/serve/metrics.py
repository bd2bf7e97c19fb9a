"""Figures of a running server, in the text form of Prometheus (exposition format 0.0.4).

>>> figures = Figures()
>>> figures.count("elman_requests_total", route="/health", status="200")
>>> print(figures.write({"elman_open_streams": 2}), end="")
# TYPE elman_requests_total counter
elman_requests_total{route="/health",status="200"} 1
# TYPE elman_open_streams gauge
elman_open_streams 2
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_Labels = tuple[tuple[str, str], ...]


class Figures:
    """Counters, and distributions of seconds."""

    def __init__(self) -> None:
        self._counters: Counter[tuple[str, _Labels]] = Counter()
        self._buckets: dict[tuple[str, _Labels], list[int]] = {}
        self._sums: Counter[tuple[str, _Labels]] = Counter()

    def count(self, name: str, number: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self._counters[name, tuple(labels.items())] += number

    def measure(self, name: str, seconds: float, **labels: str) -> None:
        """Add to a distribution."""
        key = (name, tuple(labels.items()))
        self._buckets.setdefault(key, [0] * (len(_BOUNDS) + 1))[bisect_left(_BOUNDS, seconds)] += 1
        self._sums[key] += seconds  # type: ignore[assignment]

    def write(self, gauges: Mapping[str, float]) -> str:
        """Write all figures, and some that are as they are now."""
        lines: list[str] = []
        for name in dict.fromkeys(name for name, _ in self._counters):
            lines.append(f"# TYPE {name} counter")
            lines += [f"{name}{_label(own)} {value}" for (its, own), value in self._counters.items() if its == name]
        for name in dict.fromkeys(name for name, _ in self._buckets):
            lines.append(f"# TYPE {name} histogram")
            for (its, own), found in self._buckets.items():
                if its == name:
                    lines += self._distribution(name, own, found)
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "".join(f"{line}\n" for line in lines)

    def _distribution(self, name: str, labels: _Labels, found: list[int]) -> list[str]:
        below, lines = 0, []
        for bound, number in zip([*map(str, _BOUNDS), "+Inf"], found, strict=True):
            below += number
            lines.append(f"{name}_bucket{_label((*labels, ('le', bound)))} {below}")
        total = self._sums[name, labels]
        return [*lines, f"{name}_sum{_label(labels)} {total:.6f}", f"{name}_count{_label(labels)} {below}"]


def _label(labels: _Labels) -> str:
    inner = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""
