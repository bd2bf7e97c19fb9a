"""Usage mistakes in one line with the right name: by meaning (`--lr`), by spelling (`--lenght`), or of another command.

>>> suggest_option("--lr", {"elman train generate": ["--learning-rate", "--layers"]}, "elman train generate")
'Did you mean --learning-rate?'
>>> suggest_option("--horizon", {"elman train forecast": ["--horizon"]}, "elman train tag")
'It is an option of elman train forecast.'
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from elman.errors import ConfigError
from elman.phrases import abbreviate, name_some
from elman.tasks.registry import RECIPES

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""The base of all usage errors of the library that parses arguments, whichever that is in a version of typer."""

_OTHER_NAMES = {
    "--accumulate": "gradient-accumulation accumulation-steps",
    "--batch": "batch-size bs minibatch",
    "--cell": "rnn rnn-type type architecture arch model-type layer",
    "--chrono": "chrono-init",
    "--clip-norm": "clip grad-clip gradient-clip max-grad-norm clipping",
    "--device": "gpu cuda accelerator",
    "--direction": "bidirectional",
    "--dropout": "drop",
    "--embedding": "emb embed embedding-size embedding-dim emsize",
    "--epochs": "epoch iterations num-epochs n-epochs max-epochs passes",
    "--fail-on": "fail exit-code",
    "--file": "input text sentences",
    "--force": "overwrite yes replace f",
    "--given": "class language style condition",
    "--hidden": "hidden-size units dim size width nodes neurons nhid hidden-dim",
    "--horizon": "steps ahead prediction-length forecast-length forecast predict n h",
    "--html": "report page output",
    "--id": "sequence sequence-id",
    "--init": "initialisation initialization initializer",
    "--interactive": "repl live",
    "--json": "format output-format",
    "--layers": "num-layers n-layers depth nlayers",
    "--learning-rate": "lr rate eta alpha step-size",
    "--length": "words tokens characters chars max-tokens max-length num-words num-tokens n size count max-new-tokens",
    "--levels": "intervals interval quantiles confidence level",
    "--log": "logfile log-file metrics jsonl tensorboard wandb mlflow",
    "--lookback": "context history window input-length past lags",
    "--min-count": "min-freq min-frequency",
    "--optimizer": "optim optimiser opt solver",
    "--output": "out save save-to to out-file model model-file o",
    "--patience": "early-stopping stop-after",
    "--picture": "plot draw figure image png",
    "--plot": "picture draw figure image png",
    "--precision": "fp16 bf16 half dtype amp",
    "--prompt": "start prefix seed-text text begin beginning",
    "--quiet": "silent no-progress",
    "--report": "html page",
    "--search": "tune trials hyperparameters optuna sweep",
    "--season": "period seasonality frequency freq",
    "--seed": "random-seed random-state rng",
    "--tags": "target labels label-column",
    "--target": "label labels y class answer output target-column",
    "--temperature": "temp",
    "--time": "date timestamp datetime index",
    "--time-budget": "time timeout max-time budget",
    "--top": "n k count number top-k",
    "--top-k": "k topk",
    "--top-p": "p nucleus topp",
    "--unit": "level by tokenizer",
    "--updates": "steps max-steps num-steps n-steps max-updates",
    "--validation": "val val-split validation-split test-size dev valid holdout test",
    "--validation-data": "val-data valid-data dev-data test-data validation-file",
    "--version": "verbose v",
    "--vocabulary": "vocab vocab-size max-vocab vocabulary-size",
    "--weight-decay": "l2 decay wd",
    "--window": "bptt seq-len sequence-length context unroll seqlen block-size",
    "--worst": "errors mistakes",
}
"""Names of other programs for an option, in order of preference where a command has several of the options."""

_OTHER_COMMANDS = {
    "train": "learn fit tune search finetune",
    "generate": "sample write complete text",
    "next": "suggest",
    "reorder": "order sort",
    "predict": "infer answer apply label",
    "evaluate": "eval test score validate measure benchmark",
    "inspect": "look report explain analyse analyze show examine info",
    "cells": "cell list zoo models",
    "probe": "memory",
    "--version": "version",
    "--help": "help",
}
_CLOSE = 0.7


class CommandGroup(typer.core.TyperGroup):
    """A group of commands; a command that it does not have is refused in one line, with a suggestion."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature of the library
        """List the commands in the order of their definition, groups first."""
        return sorted(self.commands, key=lambda name: not hasattr(self.commands[name], "commands"))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments name.

        Raises:
            ConfigError: there is none.
        """
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise ConfigError(_refuse_command(args[0], ctx.command_path, self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


def explain(error: Any) -> ConfigError:
    """Turn a usage error of the library into one of ours.

    Args:
        error: a `UsageError`; its context, where it has one, knows the command.
    """
    context = getattr(error, "ctx", None)
    if context is None:
        return ConfigError(f"{_sentence(error)} See elman --help.")
    path, named = context.command_path, getattr(error, "option_name", None)
    if named is not None and "such option" in error.message:
        return ConfigError(
            f"{path} has no option {abbreviate(named)}. {suggest_option(named, _options(context), path)}"
        )
    if type(error).__name__ == "MissingParameter" and error.param is not None:
        missing = (error.param.metavar or error.param.opts[0]).rstrip(".")
        return ConfigError(f"{path} needs {missing}. Write: {_usage(context)}")
    return ConfigError(f"{_sentence(error)} See {path} --help.")


def suggest_option(name: str, options: Mapping[str, Sequence[str]], path: str) -> str:
    """Suggest the option that somebody meant.

    Args:
        name: the one that was given.
        options: those of every command, by its path.
        path: the command that was called.
    """
    flag = name.replace("_", "-").lower()
    own = options.get(path, ())
    meant = [option for option in _meanings(flag) if option in own]
    # The options of `elman compare NAME` are those of `elman train NAME`, which is enough to name.
    others = {command: known for command, known in options.items() if not command.startswith("elman compare")}
    elsewhere = [command for command, known in others.items() if flag in known and command != path]
    if flag in own or meant:
        return f"Did you mean {flag if flag in own else ' or '.join(meant[:3])}?"
    if elsewhere:
        return f"It is an option of {name_some(elsewhere)}."
    close = difflib.get_close_matches(flag, own, n=1, cutoff=_CLOSE)
    return f"Did you mean {close[0]}?" if close else f"See {path} --help."


def _meanings(flag: str) -> Iterator[str]:
    word = flag.lstrip("-")
    for option, names in _OTHER_NAMES.items():
        if word in names.split():
            yield option


def _refuse_command(name: str, path: str, commands: Sequence[str]) -> str:
    word, shown = name.lower(), abbreviate(name)
    recipes = [recipe.name for recipe in RECIPES]
    if path.endswith(" train"):
        close = difflib.get_close_matches(word, commands, n=1)
        guess = f"Did you mean {close[0]}?" if close else f"Write e.g. `{path} {commands[0]} {shown}`."
        return (
            f"{path} takes the name of a recipe first, and {shown!r} is none. {guess} There are: {', '.join(commands)}."
        )
    if word in recipes:
        return f"There is no command {shown!r}. Train with `elman train {word} DATA`, then `elman predict MODEL DATA`."
    meant = [command for command, names in _OTHER_COMMANDS.items() if word in names.split()]
    close = meant or difflib.get_close_matches(word, commands, n=1)
    guess = f" Did you mean elman {close[0]}?" if close else ""
    return f"There is no command {shown!r}.{guess} There are: {', '.join(commands)}."


def _options(context: Any) -> dict[str, list[str]]:
    """List the options of all commands, by their paths."""
    options: dict[str, list[str]] = {}

    def collect(command: Any, path: str) -> None:
        options[path] = [
            option for row in command.params for option in (*row.opts, *row.secondary_opts) if option[0] == "-"
        ]
        for name, inner in getattr(command, "commands", {}).items():
            collect(inner, f"{path} {name}")

    root = context.find_root()
    collect(root.command, root.command_path)
    return options


def _usage(context: Any) -> str:
    arguments = [row.metavar or row.name for row in context.command.params if row.param_type_name == "argument"]
    return " ".join([context.command_path, *arguments])


def _sentence(error: Any) -> str:
    """Write the message of an error as one sentence."""
    text = " ".join(error.format_message().split())
    return text if text.endswith((".", "?")) else f"{text}."
