"""`elman probe` on the command line: what it prints, what it refuses, how it ends."""

import json

import pytest

from processes import interrupt, start_elman

QUICK = ("--task", "order", "--length", "20", "--hidden", "7", "--updates", "250")


def test_a_table_says_how_far_each_network_got_and_how_large_it_is(elman):
    done = elman("probe", "gru", *QUICK)
    assert done.code == 0
    title, goal, head, gru, window = done.out.splitlines()
    assert title.startswith("order: which two signs came")
    assert goal == "solved where the share of wrong answers is at most 0.01; guessing has 0.75"
    assert head.split() == ["solved", "parameters", "updates", "time"]
    assert gru.split()[:3] == ["gru", "20", str(7 * 3 * (6 + 7 + 1) + 7 + 4 * (7 + 1))]
    assert "all lengths solved" in gru
    assert window.split()[0] == "feed-forward"
    assert "gru at 10: solved, share of wrong answers" in done.err


def test_json_goes_to_standard_output_and_a_picture_to_its_file(elman, tmp_path):
    done = elman("probe", "gru", *QUICK, "--json", "--quiet", "--plot", "exam.png")
    result = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert result["results"][0]["longest"] == 20
    assert result["settings"]["hidden"] == 7
    assert (tmp_path / "exam.png").read_bytes().startswith(b"\x89PNG")


def test_a_cell_of_ones_own_is_examined_and_without_a_name_the_usual_ones(elman, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from elman import cell, tanh\n@cell\ndef own(x, h, *, W, U):\n    return tanh(W @ x + U @ h)\n"
    )
    few = ("--length", "2", "--updates", "1", "--json", "--quiet")
    names = [result["name"] for result in json.loads(elman("probe", "mine.py:own", *few).out)["results"]]
    assert names == ["mine.py:own", "feed-forward"]
    names = [result["name"] for result in json.loads(elman("probe", *few).out)["results"]]
    assert names == ["elman", "lstm", "gru", "lem", "feed-forward"]


def test_a_row_sums_up_the_seeds_of_a_network(elman):
    quick = ("--length", "4", "--hidden", "16", "--updates", "100", "--learning-rate", "0.02")
    done = elman("probe", "--task", "sentence", *quick, "--seeds", "2")
    title, _, _, *rows = done.out.splitlines()
    assert title == 'sentence: "please stay at home", among sentences that differ only in their first word'
    tanh, last, three, window = (" ".join(row.split()) for row in rows)
    assert tanh.startswith(f"elman 4 {16 * (10 + 16 + 1) + 4 * 17} ")
    assert "all lengths solved: 0" in tanh
    assert last.startswith(f"last step none {16 * 11 + 4 * 17} 200 ")
    assert "not solved at 3: 0.7" in last
    assert three.startswith(f"last 3 steps 3 {16 * 31 + 4 * 17} ")
    assert window.startswith(f"feed-forward 4 {16 * 41 + 4 * 17} ")
    assert "elman, seed 2, at 4: solved" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grv"], ["grv", "Did you mean gru?"]),
        (["none.py:x"], ["there is no file none.py"]),
        (["gru", "gru"], ["gru is named 2 times"]),
        (["gru", "--task", "sorting"], ["task is 'sorting'", "adding, copy, order, recall"]),
        (["gru", "--task", "order", "--length", "3"], ["no room for order", "Take 10 or more"]),
        (["gru", "--start", "30", "--length", "20"], ["Lengths grow from start to length"]),
        (["gru", "--time-budget", "soon"], ["90s, 10m or 1h30m"]),
        (["gru", "--plot", "exam.txt"], ["exam.txt", ".png, .svg, .pdf"]),
        (["gru", "--size", "h=3"], ["leaves the size h open"]),
        (["gru", "--learning-rate", "0"], ["learning_rate is 0.0"]),
        (["elman", "--forget-bias", "1"], ["no gate of elman weighs an old state"]),
    ],
)
def test_a_wrong_command_gets_one_line_and_writes_nothing(elman, tmp_path, arguments, words):
    done = elman("probe", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("elman: ")
    for word in words:
        assert word in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt"}


def test_a_picture_that_cannot_be_written_costs_no_result(elman, tmp_path):
    (tmp_path / "exam.png").symlink_to("/dev/full")
    done = elman("probe", "gru", *QUICK, "--quiet", "--plot", "exam.png")
    assert done.code == 1
    assert "all lengths solved" in done.out
    assert "exam.png cannot be written: No space left on device" in done.err


@pytest.mark.slow
def test_ctrl_c_prints_what_is_known(tmp_path):
    options = ["--task", "order", "--length", "1000000", "--plot", "exam.png"]
    process = start_elman(tmp_path, "probe", "gru", "lem", *options)
    out, err = interrupt(process, "gru at 10: solved")
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "elman: interrupted; the results so far are printed"
    gru = out.splitlines()[-1].split()
    assert gru[0] == "gru"
    assert int(gru[1]) >= 10
    assert "interrupted;" in gru
    assert (tmp_path / "exam.png").is_file()


def test_what_a_cell_reads_besides_the_problem_is_said(elman):
    done = elman("probe", "cfc", "gru", "--task", "order", "--length", 10, "--hidden", 3, "--updates", 2)
    assert "cfc reads dt besides its input: 1 at every step" in done.err
    assert "gru reads" not in done.err
    shown = elman("inspect", "--cell", "cfc", "--length", 11, "--hidden", 3)
    assert "4 sequences of 11 steps of standard normal numbers; dt is 1 at every step" in shown.out
