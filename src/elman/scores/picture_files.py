"""Write pictures to files, equal on every machine: without a date, and without the user's settings of matplotlib.

>>> with figure_file("points.png", (3, 2)) as figure:   # doctest: +SKIP
...     figure.add_subplot().plot([1, 2])
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

from elman.errors import ConfigError, ElmanError
from elman.paths import check_path
from elman.phrases import printable
from elman.scores.tables import shorten
from elman.writing import write_whole

# Without a date the same picture gives the same file.
_UNDATED: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
FORMATS = tuple(_UNDATED)

_FONTS = (  # tried in this order for each character, if installed
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "Noto Sans Devanagari",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Hiragino Sans", "Apple SD Gothic Neo", "PingFang SC", "Yu Gothic",
    "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip


def check_format(path: str | PathLike[str]) -> Path:
    """Check, before any work, that a picture may be written to a path.

    Raises:
        ConfigError: it has none of the endings in `FORMATS`, its folder is missing, or it is a folder.
        DataError: it is no path, see :func:`elman.paths.check_path`.
    """
    picture = check_path(path, "the picture")
    if picture.suffix.lower() not in FORMATS:
        raise ConfigError(f"{picture} names no format for a picture. End it in one of {', '.join(FORMATS)}.")
    if not picture.absolute().parent.is_dir():
        raise ConfigError(f"{picture}: the folder {picture.parent} does not exist. Make it, or choose another place.")
    if picture.is_dir():
        raise ConfigError(f"{picture} is a folder. Name a file in it.")
    return picture


@contextmanager
def figure_file(path: str | PathLike[str], inches: tuple[float, float]) -> Iterator[Any]:
    """Open a figure for drawing, and write it at the end; an existing file is replaced.

    Args:
        path: ends in .png, .svg or .pdf.
        inches: width and height.

    Raises:
        ConfigError: `path` has another ending.
        ElmanError: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    path = check_format(path)
    # The user's own settings of matplotlib do not change the picture.
    with mpl.rc_context({**mpl.rcParamsDefault, "font.family": installed_fonts(), "svg.hashsalt": "elman"}):
        figure = Figure(figsize=inches, layout="constrained")
        yield figure
        drawn, suffix = BytesIO(), path.suffix.lower()
        figure.savefig(drawn, format=suffix[1:], dpi=150, metadata=_UNDATED[suffix])
        try:
            write_whole(path, drawn.getvalue())
        except OSError as error:
            raise ElmanError(f"{path} cannot be written: {error.strerror}. Check the folder.") from None


def installed_fonts() -> list[str]:
    """List the installed fonts of pictures."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in there]


def drawable_name(name: str, fonts: Sequence[str], otherwise: str) -> str:
    """Return a name that matplotlib can draw; `otherwise` if a character is in none of the fonts."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    # A dollar sign would begin mathematics.
    text = shorten(printable(name))
    faces = [get_font(findfont(FontProperties(family=family))) for family in fonts]
    drawable = all(any(face.get_char_index(ord(character)) for face in faces) for character in text if character != " ")
    return text.replace("$", r"\$") if drawable and text.strip() else otherwise
