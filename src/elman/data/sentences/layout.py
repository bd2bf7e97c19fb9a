"""The form of tagged files, and their columns.

>>> SentenceLayout("columns", words=1, tags=2, width=3, tabs=True, ids=0).to_dict()["ids"]
0
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from elman.data.plain import read_plain
from elman.data.sentences.cells import SEPARATORS
from elman.errors import DataError

FORMS = ("conllu", "columns", "parallel")
CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""The columns of CoNLL-U (universaldependencies.org/format.html)."""

TAG_NAME = "tag"


@dataclass(frozen=True)
class SentenceLayout:
    """The form of tagged files, and their columns; a model keeps it, to read and write new files in the same way.

    Attributes:
        form: `conllu`, `columns` (a word a line), `parallel` (a sentence a line).
        words: index of the column of the words.
        tags: index of the column of the tags; that of a new last column where a file has none.
        width: how many columns there are; of `columns` alone, as is all below but for `label`.
        tabs: whether columns are separated by tabs, not by any space.
        label: the name of the label of a sentence; None if there is none. Except in `parallel`, a comment gives the
            label: `# NAME = LABEL`.
        mark: what separates columns instead of tabs and spaces, such as a comma; empty for none.
        header: the names of the columns, in the first line; empty where there is none.
        ids: index of a column of sentence numbers, of which a new one begins a sentence; None where blank lines alone
            end sentences.
        counted: whether the column `ids` counts the words of each sentence, so that its restart begins a sentence.
        varying: whether sentences differ in their number of columns, of which `width` is the lowest.
        further: indices of further columns that are read beside each word.
        further_names: what these are called, in messages.
    """

    form: str
    words: int = 0
    tags: int = 1
    width: int = 2
    tabs: bool = False
    label: str | None = None
    mark: str = ""
    header: tuple[str, ...] = ()
    ids: int | None = None
    counted: bool = False
    varying: bool = False
    further: tuple[int, ...] = ()
    further_names: tuple[str, ...] = ()

    @property
    def separator(self) -> str | None:
        """What separates two columns; None for any spaces."""
        return self.mark or ("\t" if self.tabs or self.form == "conllu" else None)

    @property
    def tag_name(self) -> str:
        """The name of the column of tags in a header."""
        return self.header[self.tags] if self.tags < len(self.header) else TAG_NAME

    def require_further(self, width: int, where: str) -> None:
        """Check that the columns that are read beside each word are among the first `width`.

        Raises:
            DataError: one is not.
        """
        for index, name in zip(self.further, self.further_names, strict=True):
            if index >= width:
                raise DataError(
                    f"{where} has no {_say_column(name, index)}, which the model reads beside each word. Add it."
                )

    def refuse_lines_of_words(self, where: str) -> None:
        """Refuse sentences of a line each, where columns are read beside each word.

        Raises:
            DataError: they are.
        """
        if self.further:
            named = " and ".join(map(_say_column, self.further_names, self.further))
            raise DataError(
                f"{where} has a sentence a line, and the model reads {named} beside each word. Give a word a line, "
                "with its columns."
            )

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data; of the newer fields, those that are not their defaults."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        newer = {field.name: field.default for field in fields(self)[6:]}
        return {name: value for name, value in plain.items() if name not in newer or value not in (newer[name], [])}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing or of another kind, or the form is unknown.
        """
        layout = read_plain(cls, data, "layout")
        width = len(CONLLU) if layout.form == "conllu" else layout.width
        columns = (layout.words, layout.tags, *(() if layout.ids is None else (layout.ids,)), *layout.further)
        marked = layout.mark in ("", *SEPARATORS) and len(layout.header) in (0, width)
        marked = marked and len(layout.further) == len(layout.further_names)
        if layout.form not in FORMS or min(columns) < 0 or max(columns) >= width or not marked:
            raise DataError(f"A layout of the form {layout.form!r} is nothing that this program reads.")
        return layout


def _say_column(name: str, index: int) -> str:
    return f"column {index + 1}" if name == str(index + 1) else f"column {name!r}"
