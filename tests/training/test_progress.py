"""What the user sees: one live line on a terminal, plain lines elsewhere, nothing when quiet."""

import io

import pytest
from rich.console import Console

from elman.phrases import printable
from elman.training.progress import ConsoleProgress, Moment, QuietProgress, show_progress

MOMENT = Moment(
    epoch=3, update=250, share=0.42, seconds_left=83.0, loss=1.5, units_per_second=31_246.0, gradient_norm=0.845
)
WORDS = ["42% 1:23 left", "loss 1.500", "2.164 bits/char", "31.2k char/s", "|grad| 0.84", "epoch 3"]


def show(width: int, terminal: bool, tell) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None, highlight=False)
    with ConsoleProgress(console) as progress:
        tell(progress)
    return out.getvalue()


def live_line(width: int) -> str:
    def tell(progress):
        progress.update(MOMENT)
        progress._live.refresh()

    shown = show(width, True, tell)
    return next(line for line in shown.replace("\r", "\n").split("\n") if "left" in line)


def test_the_live_line_says_everything_where_there_is_room():
    line = live_line(120)
    assert [word for word in WORDS if word not in line] == []
    assert "━" in line


@pytest.mark.parametrize(("width", "said"), [(80, 5), (60, 3), (45, 2), (20, 1)])
def test_a_narrow_terminal_gets_the_most_important_part_on_one_line(width, said):
    line = live_line(width)
    plain = line.split("\x1b")[0].rstrip()
    assert len(plain) <= width - len("^C")
    assert [word in line for word in WORDS] == [True] * said + [False] * (len(WORDS) - said)


def test_the_bar_shows_the_share():
    bar = live_line(140).split("42%")[0]
    full = bar.count("━") + bar.count("╸")
    assert full == pytest.approx(0.42 * 40, abs=1.01)


def test_validations_samples_and_notes_are_plain_lines_off_a_terminal():
    def tell(progress):
        progress.update(MOMENT)
        progress.validation(MOMENT, 1.25, improved=True)
        progress.validation(MOMENT, 1.5, improved=False)
        progress.sample(lambda: "one [red]two\n\x1b[2Jthree")
        progress.note("a [b] c")

    assert show(40, False, tell).splitlines() == [
        "update    250  loss 1.500  validation 1.250 (1.803 bits/char)  best so far",
        "update    250  loss 1.500  validation 1.500 (2.164 bits/char)  no better",
        "    │ one [red]two",
        "    │ ·[2Jthree",
        "a [b] c",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_line_of_a_sample_is_folded_inside_its_edge(terminal):
    shown = show(20, terminal, lambda progress: progress.sample(lambda: "\n\n" + "a" * 14 + "b" * 14 + "c\n\nd\n"))
    lines = [line for line in shown.replace("\r", "").split("\n") if "│" in line]
    assert [line.split("│ ")[1].split("\x1b")[0].rstrip() for line in lines] == ["a" * 14, "b" * 14, "c", "", "d"]


def test_off_a_terminal_an_update_is_a_line_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def tell(progress):
        for second in range(70):
            now[0] = float(second)
            progress.update(MOMENT)

    lines = show(200, False, tell).splitlines()
    assert len(lines) == 2
    assert lines[0] == "update    250  " + "  ".join(WORDS)


def test_quiet_says_nothing(capsys):
    with show_progress(quiet=True) as progress:
        assert isinstance(progress, QuietProgress)
        progress.update(MOMENT)
        progress.validation(MOMENT, 1.0, improved=True)
        progress.sample(lambda: "a")
        progress.note("b")
    assert capsys.readouterr() == ("", "")


def test_progress_goes_to_standard_error(capsys):
    with show_progress(quiet=False) as progress:
        progress.note("here")
    assert capsys.readouterr() == ("", "here\n")


def test_what_steers_a_terminal_is_made_visible():
    assert printable("a\tb\x1b]0;title\x07é\u202e") == "a\tb·]0;title·é·"
