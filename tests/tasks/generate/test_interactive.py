"""The interactive mode, on keys from a pipe."""

import threading
import time

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from elman.errors import ConfigError, DataError
from elman.tasks.generate.interactive import run_interactive

TAB, ENTER, CTRL_C, CTRL_D, DOWN, BACKSPACE = "\t", "\r", "\x03", "\x04", "\x1b[B", "\x7f"


class Screen(DummyOutput):
    """Be a terminal of one page: what is drawn is told in differences, so they must be put together."""

    def __init__(self):
        self.cells = {}
        self.row = self.column = 0
        self.seen = []

    def write(self, data):
        for character in data:
            if character == "\r":
                self.column = 0
            elif character == "\n":
                self.row += 1
            else:
                self.cells[self.row, self.column] = character
                self.column += 1

    write_raw = write

    def cursor_up(self, amount):
        self.row -= amount

    def cursor_down(self, amount):
        self.row += amount

    def cursor_forward(self, amount):
        self.column += amount

    def cursor_backward(self, amount):
        self.column -= amount

    def erase_down(self):
        self.cells = {at: one for at, one in self.cells.items() if at < (self.row, self.column)}

    def erase_end_of_line(self):
        self.cells = {at: one for at, one in self.cells.items() if at[0] != self.row or at[1] < self.column}

    def flush(self):
        rows = {row for row, _ in self.cells}
        self.seen.append(
            "\n".join("".join(self.cells.get((row, at), " ") for at in range(120)) for row in sorted(rows))
        )

    def get_size(self):
        return Size(rows=40, columns=120)


def abc(text):
    """Continue with the next letters; know no digits."""
    if any(character.isdigit() for character in text):
        raise DataError(f"The model has never seen {text[-1]!r}.\n  Write without it.")
    following = chr(ord(text[-1]) + 1) if text else "a"
    return [(following, 0.5), (following.upper(), 0.25), (" ", 0.125)]


def talk(*keys, continue_text=abc):
    """Send keys, and wait between them for what is to be on the screen; return all that was there."""
    screen = Screen()
    with create_pipe_input() as pipe:

        def send():
            for key in keys:
                if callable(key):
                    until = time.monotonic() + 60
                    while not any(map(key, screen.seen)) and time.monotonic() < until:
                        time.sleep(0.005)
                else:
                    pipe.send_text(key)

        hand = threading.Thread(target=send)
        hand.start()
        run_interactive(continue_text, terminal_input=pipe, terminal_output=screen)
        hand.join()
    return screen.seen


def sees(text):
    return lambda page: text in page


def test_what_is_typed_is_printed_line_by_line(capsys):
    talk("one", ENTER, ENTER, "two words", ENTER, CTRL_D)
    assert capsys.readouterr().out == "one\n\ntwo words\n"


def test_tab_takes_the_first_continuation_again_and_again(capsys):
    talk("k", TAB, TAB, TAB, ENTER, TAB, TAB, ENTER, CTRL_D)
    assert capsys.readouterr().out == "klmn\nab\n"


def test_continuations_are_shown_with_their_probabilities_in_percent():
    pages = talk("k", sees("12.5%"), CTRL_D)
    page = next(filter(sees("12.5%"), pages))
    assert [line.split() for line in page.splitlines() if "%" in line] == [
        ["l", "50.0%"],
        ["L", "25.0%"],
        ["␣", "12.5%"],
    ]
    assert page.startswith("> k ")
    assert "Tab takes the first" in page


def test_the_arrow_keys_choose_and_tab_goes_on_from_there(capsys):
    talk("k", sees("12.5%"), DOWN, DOWN, TAB, TAB, ENTER, CTRL_D)
    assert capsys.readouterr().out == "kLM\n"


def test_enter_takes_what_was_chosen(capsys):
    talk("k", sees("12.5%"), DOWN, ENTER, CTRL_D)
    assert capsys.readouterr().out == "kl\n"


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_drops_the_line_that_was_not_ended(key, capsys):
    talk("one", ENTER, "two", key)
    assert capsys.readouterr().out == "one\n"


def test_a_text_that_the_model_cannot_read_is_reported_below_the_line_and_can_be_corrected(capsys):
    pages = talk("k7", sees("never seen"), TAB, BACKSPACE, TAB, ENTER, CTRL_D)
    assert "The model has never seen '7'. Write without it." in next(filter(sees("never seen"), pages))
    assert capsys.readouterr().out == "kl\n"


def test_a_slow_model_does_not_hold_up_the_typing():
    shown, in_time = threading.Event(), []

    def slow(text):
        in_time.append(shown.wait(60))
        return abc(text)

    def both_letters(page):
        if page.startswith("> kl "):
            shown.set()
        return shown.is_set()

    talk("k", "l", both_letters, CTRL_D, continue_text=slow)
    assert in_time
    assert all(in_time)


def test_the_model_runs_once_for_each_text():
    asked = []

    def once(text):
        asked.append(text)
        return abc(text)

    talk("k", sees("12.5%"), TAB, TAB, ENTER, CTRL_D, continue_text=once)
    assert asked[0] == "k"
    assert asked.count("k") == 1


def test_without_a_terminal_it_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(ConfigError, match=r"^-i needs a terminal [^\n]*$"):
        run_interactive(abc)
