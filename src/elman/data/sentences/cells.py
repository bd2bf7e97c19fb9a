r"""Split a line into the cells of its columns, and put a value into one of them; the rest of the line stays as it is.

A separator is a tab, a mark such as a comma, or None for any spaces and tabs. A no-break space is a letter of a word,
and separates nothing. With a mark, a cell may be quoted, as in CSV.

>>> split_cells("New\u00a0York  B-LOC", None)
['New\xa0York', 'B-LOC']
>>> split_cells('1,",",PUNCT', ","), put_cell('1,",",PUNCT', ",", 2, "X")
(['1', ',', 'PUNCT'], '1,",",X')
"""

import re

SEPARATORS = (",", ";", "|")
_SPACES = " \t\n\r\f\v\x1c\x1d\x1e\x1f"  # what `str.split` takes for spaces in ASCII
_SPACED = re.compile(f"[^{_SPACES}]+")


def split_cells(text: str, separator: str | None) -> list[str]:
    """Return the values of the cells of a line."""
    if separator is None:
        return text.split() if text.isascii() else _SPACED.findall(text)
    if separator == "\t" or '"' not in text:
        return [cell.strip(" ") for cell in text.split(separator)]
    return [_unquote(text[start:stop].strip(" ")) for start, stop in _spans(text, separator)]


def put_cell(text: str, separator: str | None, index: int, value: str) -> str:
    """Replace a cell of a line, or append one, where the line has `index` cells."""
    spans = _spans(text, separator)
    if separator in SEPARATORS and (separator in value or '"' in value):
        value = '"' + value.replace('"', '""') + '"'
    if index == len(spans):
        return f"{text}{' ' if separator is None else separator}{value}"
    start, stop = spans[index]
    return text[:start] + value + text[stop:]


def is_blank(text: str) -> bool:
    """Return whether a line has nothing but spaces and tabs."""
    return not text or (text[0] in _SPACES and not text.strip(_SPACES))


def _spans(text: str, separator: str | None) -> list[tuple[int, int]]:
    """Return where each cell begins and ends."""
    if separator is None:
        return [match.span() for match in _SPACED.finditer(text)]
    # Where a quote is not closed, quotes are letters: many programs write the word " without quoting it.
    quoted = separator != "\t" and text.count('"') % 2 == 0
    spans, start, inside = [], 0, False
    for at, letter in enumerate(text):
        if letter == '"' and quoted:
            inside = not inside
        elif letter == separator and not inside:
            spans.append((start, at))
            start = at + 1
    return [*spans, (start, len(text))]


def _unquote(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
