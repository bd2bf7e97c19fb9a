"""What the commands ask of a model that captions: what a training has made of it, its scores, and captions."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from elman.data.captions.pictures import PACKED, ChosenPictures, PictureFiles, Pictures, open_pictures, photos_in
from elman.decoding.search import Beam, Hypothesis
from elman.errors import ConfigError, DataError
from elman.models.finite import as_json
from elman.phrases import counted, printable
from elman.scores.picture_files import check_format
from elman.tasks.caption.model import BEAM, TrainedCaptioner, load
from elman.tasks.caption.picture import draw_attention
from elman.tasks.caption.reading import encode_again, open_again
from elman.tasks.caption.tables import find_worst, score_rows, worst_rows
from elman.tasks.contract import Evaluated, Request, Rows, Score, verdict_of
from elman.training.progress import show_bar

_AT_ONCE = 16


def summarise(model: TrainedCaptioner) -> Rows:
    """Say how good its captions of the held-out pictures are, and what that is worth."""
    found = model.metrics["validation"]
    low, high = found["interval"]
    bleu = "" if found["bleu"] is None else f", BLEU-4 {found['bleu'][-1]:.1f}"
    said = (
        f"CIDEr-D {found['cider']:.1f} (95 % interval {low:.1f} to {high:.1f}){bleu}, {found['distinct']:,} different "
        f"captions of {counted(found['count'], 'picture')}, greedy"
    )
    return [("validation", said), *verdict_of(model)]


def validation_score(model: TrainedCaptioner) -> Score:
    """Return the CIDEr-D of the greedy captions."""
    return Score("CIDEr-D", model.metrics["validation"]["cider"])


def next_command(model: TrainedCaptioner, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Say how to let it caption."""
    return f"elman predict {path} {'photo.jpg' if model.encoder.pictures.reads_photos else 'features.npz'}"


def evaluate(request: Request) -> Evaluated:
    """Compare its captions with those of people."""
    trained, options = load(request.model), request.options
    data = open_again(trained, request.data, options.images)
    for note in data.notes:
        request.note(note)
    captions = encode_again(trained, data, request.quiet)
    beam = Beam(BEAM if options.beam is None else options.beam, length_penalty=options.length_penalty)
    with show_bar("captioning", request.quiet) as on_progress:
        scores, texts = trained.evaluate(captions, beam, on_progress)
    facts: dict[str, Any] = scores.to_dict()
    shown: list[Any] = [score_rows(scores)]
    if options.worst:
        facts["worst"] = find_worst(captions, texts, options.worst)
        shown += worst_rows(facts["worst"])
    overlap = trained.compare_learnt(captions)
    if overlap is not None:
        facts["learnt_from"] = overlap.estimate
        warning = overlap.warn("pictures", "other pictures")
        shown += [Text(f"\n{warning}")] if warning else []
    return Evaluated(facts, shown)


def predict(request: Request) -> Iterator[str]:
    """Write a caption of each picture, a line each; with its name before it where there are several."""
    options = request.options
    if request.is_streamed():
        raise ConfigError("- is standard input, and pictures are read from files. Name photos, a folder or an .npz.")
    picture = None if options.attention is None else check_format(options.attention)
    width = max(options.nbest, BEAM) if options.beam is None else options.beam
    beam = Beam(width, options.nbest, options.length_penalty)
    trained, parts = load(request.model), open_all(request.data)
    for pictures in parts:
        trained.encoder.pictures.check(pictures)
    count = sum(map(len, parts))
    if picture is not None:
        _refuse_map(trained, count)
    for pictures in parts:
        for start in range(0, len(pictures), _AT_ONCE):
            places = range(start, min(start + _AT_ONCE, len(pictures)))
            some = trained.read(ChosenPictures(pictures, places))
            for place, found in zip(places, trained.hypotheses(some, beam), strict=True):
                yield _write(trained, pictures.names[place], found, request, is_named=count > 1)
                if picture is not None:
                    _draw(trained, pictures, place, found[0], picture)


def open_all(data: Sequence[str]) -> list[Pictures]:
    """Open photos, folders of photos, and `.npz` files.

    Raises:
        DataError: there is nothing of that kind.
    """
    parts: list[Pictures] = []
    photos: list[Path] = []
    for name in data:
        path = Path(name)
        if path.suffix.lower() == PACKED:
            parts.append(open_pictures(path, names_needed=False))
        elif path.is_dir():
            found = photos_in(path)
            if not found:
                raise DataError(f"{path} has no photos in it. Name a folder with some, or photos.")
            photos += found
        elif not path.exists():
            raise DataError(f"{path} does not exist. Check the path; the current folder is {Path.cwd()}.")
        else:
            photos.append(path)
    return [*([PictureFiles("the photos", photos, [str(path) for path in photos])] if photos else []), *parts]


def _refuse_map(trained: TrainedCaptioner, count: int) -> None:
    if count > 1:
        raise ConfigError(f"--attention draws one picture, and {count:,} are given. Name one.")
    if trained.encoder.pictures.size[1:] == (1, 1):
        raise ConfigError("--attention draws where words looked, and this model reads features without cells. Drop it.")


def _draw(trained: TrainedCaptioner, pictures: Pictures, place: int, found: Hypothesis, path: Path) -> None:
    """Draw where the words of a caption looked."""
    assert found.attention is not None
    own = trained.encoder.pictures
    cells = own.size[1:]
    if own.reads_photos and trained.module.convolutions is not None:
        cells = trained.module.convolutions.cells(*cells)
    photo = pictures.read(place) if own.reads_photos else None
    words = [trained.encoder.words.show(unit) for unit in found.units]
    draw_attention(words, found.attention.numpy(), (cells[0], cells[1]), photo, path)


def _write(
    trained: TrainedCaptioner, name: str, found: Sequence[Hypothesis], request: Request, *, is_named: bool
) -> str:
    """Return the lines of one picture."""
    if request.json:
        return as_json(describe_captions(trained, name, found)) + "\n"
    lines = []
    for one in found:
        cells = [printable(name)] if is_named else []
        cells += [f"{one.score:.4f}"] if request.options.scores else []
        lines.append("\t".join([*cells, trained.write(one)]))
    return "\n".join(lines) + "\n"


def describe_captions(trained: TrainedCaptioner, name: str, found: Sequence[Hypothesis]) -> dict[str, Any]:
    """Return the captions of a picture as plain data."""
    answers = [
        {"text": trained.write(one), "score": one.score, "log_probability": one.log_probability} for one in found
    ]
    return {"picture": name, "captions": answers}
