"""Wrong usage is answered with one line that has the right name: by meaning, by spelling, or of another command."""

import pytest

from elman.cli import mistakes
from elman.cli.mistakes import suggest_option


def refused(done, *texts: str) -> None:
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("elman: ")
    assert done.err.count("\n") == 1, done.err
    for text in texts:
        assert text in done.err


@pytest.mark.parametrize(
    ("command", "given", "meant"),
    [
        ("generate m", "--words", "--length"),
        ("generate m", "--max-tokens", "--length"),
        ("generate m", "--lenght", "--length"),
        ("generate m", "--temp", "--temperature"),
        ("generate m", "--start", "--prompt"),
        ("train generate t", "--lr", "--learning-rate"),
        ("train generate t", "--learning_rate", "--learning-rate"),
        ("train generate t", "--Learning-Rate", "--learning-rate"),
        ("train generate t", "--batch-size", "--batch"),
        ("train generate t", "--hidden-size", "--hidden"),
        ("train generate t", "--steps", "--updates"),
        ("train generate t", "--context", "--window"),
        ("train generate t", "--gpu", "--device"),
        ("train generate t", "--save", "--output"),
        ("train generate t", "--html", "--report"),
        ("train classify t", "--label", "--target"),
        ("train classify t", "--classs-weights", "--class-weights"),
        ("train tag t", "--target", "--tags"),
        ("train forecast t", "--steps", "--horizon or --updates"),
        ("train forecast t", "--history", "--lookback"),
        ("inspect m t", "--report", "--html"),
        ("next m t", "--top-k", "--top"),
        ("probe lstm", "--picture", "--plot"),
        ("", "--versoin", "--version"),
    ],
)
def test_an_option_is_suggested_by_meaning_and_by_spelling(elman, command, given, meant):
    refused(elman(*command.split(), given, "3"), f"has no option {given}. Did you mean {meant}?")


@pytest.mark.parametrize(
    ("command", "option", "others"),
    [
        ("train generate t", "--horizon", "elman train forecast"),
        (
            "train generate t",
            "--target",
            "elman export, elman train classify, elman train forecast, elman train translate",
        ),
        ("train classify t", "--window", "elman train generate, elman train compose"),
        ("predict m t", "--horizon", "elman train forecast"),
        ("evaluate m t", "--top-k", "elman generate, elman compose, elman predict"),
    ],
)
def test_an_option_of_another_command_is_named_with_it(elman, command, option, others):
    refused(elman(*command.split(), option, "3"), f"has no option {option}. It is an option of {others}.")


def test_an_option_like_no_other_gets_the_help_of_its_command(elman):
    refused(
        elman("train", "tag", "t", "--xyzzy", "3"), "elman train tag has no option --xyzzy. See elman train tag --help."
    )
    refused(elman("generate", "m", "--" + "x" * 5000), "…", "See elman generate --help.")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("trian generate t", "Did you mean elman train?"),
        ("evalute m t", "Did you mean elman evaluate?"),
        ("learn t", "Did you mean elman train?"),
        ("sample m", "Did you mean elman generate?"),
        ("test m t", "Did you mean elman evaluate?"),
        ("infer m t", "Did you mean elman predict?"),
        ("list", "Did you mean elman cells?"),
        ("version", "Did you mean elman --version?"),
        ("help", "Did you mean elman --help?"),
        ("classify t.csv", "`elman train classify DATA`"),
        ("forecast t.csv", "`elman train forecast DATA`"),
        ("train genrate t", "Did you mean generate? There are: generate, classify, tag, forecast, translate,"),
        ("train book.txt", "Write e.g. `elman train generate book.txt`."),
        ("xyzzy", "There is no command 'xyzzy'. There are: train, compare, generate, next,"),
    ],
)
def test_a_command_is_suggested_by_meaning_and_by_spelling(elman, arguments, text):
    refused(elman(*arguments.split()), text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("generate", "elman generate needs MODEL. Write: elman generate MODEL"),
        ("predict m", "elman predict needs DATA. Write: elman predict MODEL DATA..."),
        ("train tag", "elman train tag needs DATA. Write: elman train tag DATA..."),
        ("next m", "elman next needs TEXT. Write: elman next MODEL TEXT"),
        ("generate m --length", "--length"),
        ("generate m more", "more"),
        ("train generate t --epochs 1e3", "--epochs"),
        ("train generate t --epochs nan", "--epochs"),
        ("train generate t --epochs ²", "--epochs"),
        ("train generate t --epochs 1.5", "--epochs"),
        ("train generate t --learning-rate fast", "--learning-rate"),
        ("train generate t --learning-rate 0,1", "--learning-rate"),
        ("train generate t --search 0", "--search"),
        ("cells lstm --layers 0", "--layers"),
        ("inspect --cell lstm --length 0", "--length"),
        ("evaluate m t --worst -1", "--worst"),
    ],
)
def test_what_is_missing_or_no_number_is_one_line_that_names_it(elman, arguments, text):
    refused(elman(*arguments.split()), text)


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--epochs", "0", "epochs is 0; it must be at least 1."),
        ("--epochs", "-1", "epochs is -1; it must be at least 1."),
        ("--learning-rate", "nan", "learning_rate is nan; it must be at most 1000 and above 0."),
        ("--learning-rate", "1e999", "learning_rate is inf; it must be"),
        ("--seed", "9" * 20, "it must be at least 0 and below 4294967296."),
        ("--validation", "1.5", "validation is 1.5; it must be"),
        ("--optimizer", "Adam", "it must be one of adam, adamw, sgd, asgd."),
        ("--time-budget", "soon", "'soon' is not a duration above 0. Write it as 90s, 10m or 1h30m."),
        ("--size", '{"h":3}', "is not of the form NAME=N"),
        ("--size", "h=0", "is not of the form NAME=N"),
    ],
)
def test_a_value_out_of_range_is_one_line_with_the_range(elman, option, value, text, tmp_path):
    refused(elman("train", "generate", "book.txt", option, value), text)
    assert [path.name for path in tmp_path.iterdir()] == ["book.txt"]


def test_an_option_without_limits_asks_for_a_finite_number(elman, trained):
    refused(elman("evaluate", trained, "book.txt", "--dynamic", "nan"), "dynamic is nan; it must be a finite number.")


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("train",), 2)])
def test_a_command_of_commands_alone_shows_its_help(elman, arguments, code):
    done = elman(*arguments)
    assert (done.code, done.err) == (code, "")
    assert "Usage" in done.out


def test_every_other_name_belongs_to_an_option_that_exists(elman):
    from typer.main import get_command

    from elman.cli import app

    known: set[str] = set()

    def collect(command):
        known.update(option for row in command.params for option in row.opts)
        for inner in getattr(command, "commands", {}).values():
            collect(inner)

    collect(get_command(app))
    assert set(mistakes._OTHER_NAMES) - known == set()
    for option, names in mistakes._OTHER_NAMES.items():
        assert suggest_option(f"--{names.split()[0]}", {"elman x": [option]}, "elman x") == f"Did you mean {option}?"
