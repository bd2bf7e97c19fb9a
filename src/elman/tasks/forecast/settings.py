"""Declare the options of `forecast`: columns to read, layers of the model, training and validation.

>>> ForecastSettings(levels="80,95").percents()
(80, 95)
>>> ForecastSettings(levels="0.8")
Traceback (most recent call last):
elman.errors.ConfigError: levels is '0.8'; it must be percentages from 1 to 99 with commas between them, such as 80,95.
"""

from dataclasses import dataclass
from typing import Any, Literal

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands, alone_option, picture_option
from elman.training.settings import SidedLayerSettings, TrainingSettings, epochs_option

DECODINGS = ("segment", "direct", "recursive")
SCALES = ("linear", "log")
MOST_STEPS = 1_000_000
"""Of a look-back, of a horizon and of a season."""
MOST_LEVELS = 9
_COLUMNS = ("target", "time", "id", "known", "past", "static")
"""Options that name columns, which Python may give as a sequence."""


@dataclass(frozen=True, kw_only=True)
class ForecastSettings(SidedLayerSettings, TrainingSettings):
    """The options of a training that forecasts."""

    target: str | None = option(
        None,
        "the columns to forecast, with commas between them [dim](default: all numbers)[/]",
        group="Input",
        metavar="COLUMN,…",
    )
    time: str | None = option(
        None,
        "the column of times, or several that are one together [dim](default: inferred)[/]",
        group="Input",
        metavar="COLUMN,…",
    )
    id: str | None = option(
        None,
        "the columns whose values identify a series [dim](default: inferred)[/]",
        group="Input",
        metavar="COLUMN,…",
    )
    known: str | None = option(
        None, "covariates that are known ahead, such as holidays or prices", group="Input", metavar="COLUMN,…"
    )
    past: str | None = option(
        None, "covariates that are known up to the last value of the target", group="Input", metavar="COLUMN,…"
    )
    static: str | None = option(None, "covariates that are constant in each series", group="Input", metavar="COLUMN,…")
    season: str | None = option(
        None,
        "steps of a season, or of several, such as 24,168; 1 for none [dim](default: the calendar's, or as the values "
        "repeat, and a longer one that they show)[/]",
        group="Input",
        metavar="N,…",
    )
    decimal: str | None = option(
        None,
        "decimal mark of numbers such as 1.024 [dim](default: as the cells show)[/]",
        group="Input",
        choices=(".", ","),
    )
    rows: str | None = option(
        None,
        "what a row of the table is: one of the steps of every series, or a whole series [dim](default: as the table "
        "looks)[/]",
        group="Input",
        choices=("steps", "series"),
    )
    fill_gaps: bool = option(False, "read missing times as missing values", group="Input")
    # Off, since it helped neither on ETTh1 nor on daily sales: the look-back shows what repeats.
    calendar: bool = option(
        False,
        "read the time of the day, the week and the year of each step, where the data hold two of them",
        group="Input",
    )

    horizon: int | None = option(
        None,
        "steps to forecast [dim](default: two seasons, one of a season above 12 steps, 8 steps without one; at most "
        "96, and an eighth of the median length)[/]",
        group="Model",
        least=1,
    )
    lookback: int | None = option(
        None,
        "steps to read [dim](default: four horizons, at least two seasons, as far as a series of median length has "
        "them)[/]",
        group="Model",
        least=1,
    )
    segment: int | None = option(
        None,
        "steps that the recurrent layers read, and forecast, at once [dim](default: a horizon in parts of up to 48)[/]",
        group="Model",
        least=1,
    )
    decode: str = option(
        "segment",
        "forecast all segments at once, the whole horizon at once, or each segment from the one before",
        group="Model",
        choices=DECODINGS,
    )
    scale: str | None = option(
        None,
        "read values as they are, or as logarithms, so that errors are relative [dim](default: log where all are "
        "above 0 and a linear forecast of the training part is clearly better so)[/]",
        group="Model",
        choices=SCALES,
    )
    levels: str = option(
        "80", "intervals to forecast, in percent, with commas between them", group="Model", metavar="N,…"
    )
    hidden: int = option(256, "size of the hidden state", group="Model", least=1)

    epochs: int | Literal["auto"] | None = epochs_option("as many as make about 1000 updates")
    learning_rate: float | None = option(
        None, "peak of the schedule [dim](default: 0.002; sgd: 0.5; asgd: 10)[/]", group="Training", above=0, most=1000
    )
    batch: int | None = option(
        None,
        "windows per update [dim](default: 256, fewer for few windows, at least 16)[/]",
        group="Training",
        least=1,
    )
    validation: int | None = option(
        None,
        "steps at the end of each series held out to validate on [dim](default: a fifth, at least a horizon; "
        "of 100 series or more a horizon)[/]",
        group="Training",
        least=1,
    )

    alone: bool = alone_option()

    dropout: float = option(
        0.3, "dropout between layers and before the readout", group="Regularising", least=0, below=1
    )

    def __post_init__(self) -> None:
        for name in _COLUMNS:
            value = getattr(self, name)
            if isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
                object.__setattr__(self, name, ",".join(value))
        given: Any = self.season
        if isinstance(given, int | list | tuple) and not isinstance(given, bool):
            steps = [given] if isinstance(given, int) else given
            object.__setattr__(self, "season", ",".join(map(str, steps)))
        super().__post_init__()
        self.percents()
        self.seasons()
        if self.horizon is not None and self.validation is not None and self.validation < self.horizon:
            raise ConfigError(
                f"validation is {self.validation} and horizon is {self.horizon}; a forecast is validated on a whole "
                "horizon. Hold out at least as many steps."
            )

    def seasons(self) -> tuple[int, ...] | None:
        """Return the steps of the requested seasons; None where they are to be found.

        Raises:
            ConfigError: they are no whole numbers from 1 on.

        >>> ForecastSettings(season="24,168").seasons(), ForecastSettings(season=7).seasons()
        ((24, 168), (7,))
        """
        if self.season is None:
            return None
        words = [word.strip() for word in self.season.split(",")]
        if not all(word.isascii() and word.isdecimal() and 0 < int(word) <= MOST_STEPS for word in words):
            raise ConfigError(
                f"season is {self.season!r}; it must be steps, from 1 to {MOST_STEPS:,}, with commas between several, "
                "such as 24,168."
            )
        return tuple(int(word) for word in words)

    def percents(self) -> tuple[int, ...]:
        """Return the levels, ascending.

        Raises:
            ConfigError: they are no percentages.
        """
        words = [word.strip() for word in self.levels.split(",")]
        if not all(word.isdecimal() and 1 <= int(word) <= 99 for word in words) or len(words) > MOST_LEVELS:
            raise ConfigError(
                f"levels is {self.levels!r}; it must be percentages from 1 to 99 with commas between them, "
                "such as 80,95."
            )
        return tuple(sorted({int(word) for word in words}))

    def quantiles(self) -> tuple[float, ...]:
        """Return the quantiles to forecast: both ends of each interval, and the median in the middle.

        >>> ForecastSettings(levels="50,80").quantiles()
        (0.1, 0.25, 0.5, 0.75, 0.9)
        """
        low = [(100 - percent) / 200 for percent in reversed(self.percents())]
        return (*low, 0.5, *(1 - share for share in reversed(low)))


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """The options of an evaluation."""

    every: int = option(1, "series: steps from one origin to the next", least=1, metavar="N")
    origins: int | None = option(
        None, "series: forecast from the latest N origins of each, not all", least=1, metavar="N"
    )


@dataclass(frozen=True, kw_only=True)
class PredictOptions(OptionTable):
    """The options of a prediction."""

    picture: str | None = picture_option()


COMMANDS = Commands(
    settings=ForecastSettings,
    data="a table (CSV, TSV, JSONL) with a row for each time: a column for each series, or one that names the series",
    trains="Train a model that forecasts one or many series, with intervals.",
    reads="The end of each series is held out, to choose the best weights and the width of intervals.",
    cell="gru",
    trials_by="forecasts",
    answers="forecasts series",
    evaluate=EvaluateOptions,
    predict=PredictOptions,
)
