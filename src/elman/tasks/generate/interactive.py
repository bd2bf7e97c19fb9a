"""Complete a line while it is typed: the most likely continuations are listed below it.

Tab takes the first of them, the arrow keys choose another, Enter ends the line and prints it, Ctrl-D and Ctrl-C leave.
Each line is a text of its own. Editing uses the terminal, through prompt_toolkit; finished lines go to standard output,
so that they can be redirected to a file. This module is imported only when it is used.

>>> from elman.tasks import generate                          # doctest: +SKIP
>>> model = generate.load("book.elman.safetensors")           # doctest: +SKIP
>>> run_interactive(lambda text: [(" the", 0.25), (" a", 0.125)])   # doctest: +SKIP
"""

import sys
import threading
from collections.abc import Callable, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output, create_output

from elman.errors import ConfigError, DataError
from elman.phrases import printable

ContinueText = Callable[[str], list[tuple[str, float]]]

_KEYS = "Tab takes the first   ↑ ↓ choose   Enter ends the line   Ctrl-D leaves"
_PROMPT = "> "
_VISIBLE = str.maketrans({" ": "␣", "\n": "⏎", "\t": "⇥"})


def run_interactive(
    continue_text: ContinueText, *, terminal_input: Input | None = None, terminal_output: Output | None = None
) -> None:
    """Read lines from the terminal and show continuations, until Ctrl-D or Ctrl-C.

    Args:
        continue_text: takes the line so far; returns continuations with their probabilities, the likeliest first. A
            `DataError` that it raises is shown below the line, and editing goes on. It is called from
            another thread, one call at a time.
        terminal_input: where keys come from; None is the terminal.
        terminal_output: where the editing is shown; None is the terminal.

    Raises:
        ConfigError: there is no terminal.
    """
    if terminal_input is None and not (sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())):
        raise ConfigError("-i needs a terminal to type in. Without one, leave out -i and give the text with --prompt.")
    continuations = _Continuations(continue_text)
    session: PromptSession[str] = PromptSession(
        _PROMPT,
        completer=continuations,
        complete_while_typing=True,
        complete_in_thread=True,
        key_bindings=_bind_keys(continuations),
        bottom_toolbar=lambda: continuations.problem(session.default_buffer.text) or _KEYS,
        # The line is printed to standard output instead, which may be a file.
        erase_when_done=True,
        input=terminal_input,
        output=terminal_output or create_output(always_prefer_tty=True),
    )
    while True:
        try:
            line = session.prompt()
        except (EOFError, KeyboardInterrupt):
            return
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class _Continuations(Completer):
    """The continuations of the last text, or the error; the model runs once for each text."""

    def __init__(self, continue_text: ContinueText) -> None:
        self._continue_text = continue_text
        self._lock = threading.Lock()
        self._text: str | None = None
        self._answer: list[tuple[str, float]] = []
        self._problem = ""

    def find(self, text: str) -> list[tuple[str, float]]:
        with self._lock:  # completions are computed in another thread; Tab uses the last ones
            if text != self._text:
                try:
                    self._answer, self._problem = self._continue_text(text), ""
                except DataError as error:
                    self._answer, self._problem = [], printable(" ".join(str(error).split()))
                self._text = text
            return self._answer

    def problem(self, text: str) -> str:
        return self._problem if text == self._text else ""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002
        for continuation, probability in self.find(document.text_before_cursor):
            shown = printable(continuation if continuation.strip() else continuation.translate(_VISIBLE))
            yield Completion(continuation, display=shown, display_meta=f"{probability:.1%}")


def _bind_keys(continuations: _Continuations) -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("tab")
    def _(event: KeyPressEvent) -> None:
        _take(event.current_buffer, continuations)

    @bindings.add("c-d")
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError)

    return bindings


def _take(buffer: Buffer, continuations: _Continuations) -> None:
    """Accept the continuation that the arrow keys chose, or the first, and request the next ones."""
    if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
        # The chosen one is already in the line.
        buffer.complete_state = None
        buffer.start_completion()
        return
    listed = continuations.find(buffer.document.text_before_cursor)
    buffer.cancel_completion()
    if listed:
        buffer.insert_text(listed[0][0])
