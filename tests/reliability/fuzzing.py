"""Feed readers what a fuzzer finds: bytes that reach new branches of the code, for a number of seconds each.

atheris (`pip install atheris`) watches which branches of the package are taken, and changes the bytes that took a new
one further. Each reader runs in a process of its own, whose memory is bounded; it may refuse with an error of this
package and nothing else. `python -m reliability.fuzzing READER SECONDS` runs one.
"""

import importlib
import importlib.util
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ROOM = 4096  # MiB
_SLOWEST = 20  # seconds for one input
_INSTRUMENTED = ["elman"]


def fuzz(folder: Path, seconds: float) -> Iterator[str]:
    """Fuzz every reader for its share of some seconds; yield a line each.

    Raises:
        AssertionError: a reader ended in another way than by reading or refusing; the input lies where it says.
    """
    if importlib.util.find_spec("atheris") is None:
        yield "not fuzzed: atheris is not installed (pip install atheris)"
        return
    for name in READERS:
        own = folder / name
        own.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "reliability.fuzzing", name, str(int(seconds / len(READERS))), str(own)],
            capture_output=True,
            text=True,
            check=False,
        )
        last = [line for line in done.stderr.splitlines() if line.startswith(("Done ", "#"))][-1:]
        found = "".join(repr(path.read_bytes()[:2000]) for path in own.glob("*-*"))
        said = "\n".join(line for line in done.stderr.splitlines() if line[:1] != "#")
        assert done.returncode == 0, f"{name}: {said[-3000:]}\nthe input: {found}"
        yield f"{name}: {' '.join(last)}"


def _read_model(path: Path) -> object:
    from elman.tasks.registry import recipe_of

    return recipe_of(path).load(path)


def _read_checkpoint(path: Path) -> object:
    from elman.training.checkpoint import read_checkpoint

    return read_checkpoint(path)


def _read_cell(path: Path) -> object:
    import json

    from elman.expr import Cell

    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return Cell.from_dict(data)


def _read_music(path: Path) -> object:
    from elman.data.music.midi import MidiChoice
    from elman.data.music.opening import open_music

    return open_music([path], MidiChoice())


def _opens(module: str, name: str, *, many: bool = True) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        found: Any = getattr(importlib.import_module(module), name)([path] if many else path)
        if hasattr(found, "__getitem__") and hasattr(found, "columns"):
            return [found[index] for index in range(min(50, len(found)))]
        return found

    return read


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "model": ("model", _read_model),
    "checkpoint": ("checkpoint", _read_checkpoint),
    "cell": ("json", _read_cell),
    "table": ("csv", _opens("elman.data.examples.table", "open_table")),
    "arrays": ("npz", _opens("elman.data.examples.arrays", "open_arrays", many=False)),
    "fasta": ("fa", _opens("elman.data.examples.genome", "open_fasta")),
    "features": ("npy", _opens("elman.data.formats.features", "read_features", many=False)),
    "sound": ("wav", _opens("elman.data.formats.sound", "read_sound", many=False)),
    "image": ("png", _opens("elman.data.formats.images", "read_image", many=False)),
    "tagged": ("conllu", _opens("elman.data.sentences.opening", "open_tagged")),
    "series": ("csv", _opens("elman.data.series.opening", "open_series", many=False)),
    "pairs": ("tsv", _opens("elman.data.pairs.opening", "open_pairs")),
    "music": ("mid", _read_music),
    "text": ("txt", _opens("elman.data.text", "read_text")),
    "vectors": ("txt", lambda path: importlib.import_module("elman.vocabulary.vectors").read_vectors(path, ["the"])),
}
"""By name: the ending of its files, and what reads one."""


def _write_seeds(name: str, folder: Path) -> None:
    """Write whole files, which the fuzzer begins with."""
    import numpy as np
    import soundfile
    from PIL import Image

    from answerable import write_genome, write_reviews, write_series, write_table
    from elman import cells
    from every_recipe import BOOK
    from forecastable import write_sales
    from playable import write_songs
    from small_trainings import SMALL, write_pairs
    from taggable import write_conllu

    match name:
        case "model" | "checkpoint":
            from elman.tasks import generate
            from elman.training import resuming
            from elman.training.beside import checkpoint_of

            (folder / "book.txt").write_text(BOOK)
            resuming.SECONDS = 1e9
            generate.train(folder / "book.txt", output=folder / "a", window=7, **SMALL)
            if name == "checkpoint":
                from elman.training.checkpoint import write_checkpoint

                (folder / "a").unlink()
                write_checkpoint(checkpoint_of(folder / "a"), {"a": [1, 2.5, None], "b": np.ones(3), "c": {"d": "e"}})
            (folder / "book.txt").unlink()
        case "cell":
            import json

            for one in ("elman", "gru", "lstm"):
                (folder / one).write_text(json.dumps(cells.find(one).to_dict()))
        case "table":
            write_reviews(folder / "a.csv", 12)
            write_table(folder / "b.csv", 9)
        case "arrays":
            write_series(folder / "a.npz", 7)
        case "fasta":
            write_genome(folder, 5)
        case "features":
            np.save(folder / "a.npy", np.ones((5, 3)))
        case "sound":
            soundfile.write(folder / "a.wav", np.zeros(100), 8000)
        case "image":
            Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(folder / "a.png")
        case "tagged":
            write_conllu(folder / "a.conllu", 6)
        case "series":
            write_sales(folder / "a.csv", 30)
        case "pairs":
            write_pairs(folder / "a.tsv")
        case "music":
            songs = write_songs(folder / "songs", 3, bars=1)
            for path in songs.rglob("*.mid"):
                path.rename(folder / path.name)
        case "text":
            (folder / "a.txt").write_text(BOOK)
        case "vectors":
            (folder / "a.txt").write_text("2 3\nthe 1 2 3\na 0.5 -1e3 7\n")


def _run(name: str, seconds: str, own: str) -> None:
    import atheris

    suffix, read = READERS[name]
    seeds, found = Path(own) / "seeds", Path(own) / f"input.{suffix}"
    seeds.mkdir()
    with atheris.instrument_imports(include=_INSTRUMENTED):
        from elman.errors import ElmanError

        _write_seeds(name, seeds)
        for path in filter(Path.is_file, seeds.iterdir()):
            found.write_bytes(path.read_bytes())
            read(found)  # the last imports are done
    warnings.simplefilter("error")

    def meet(raw: bytes) -> None:
        found.write_bytes(raw)
        try:
            read(found)
        except ElmanError as error:
            if "\n" in str(error):
                raise AssertionError(f"said in several lines: {error!r}") from error

    limit = _ROOM << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    options = [f"-max_total_time={seconds}", f"-timeout={_SLOWEST}", f"-rss_limit_mb={_ROOM}", "-max_len=20000"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={own}/", str(seeds)], meet)
    atheris.Fuzz()


if __name__ == "__main__":
    _run(*sys.argv[1:])
