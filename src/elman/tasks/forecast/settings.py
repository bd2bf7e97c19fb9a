"""Keep the options of `forecast`: which columns are read, what the model looks like, how it is trained and validated.

>>> ForecastSettings(levels="80,95").percents()
(80, 95)
>>> ForecastSettings(levels="0.8")
Traceback (most recent call last):
elman.errors.ConfigError: levels is '0.8'; it must be percentages from 1 to 99 with commas between them, such as 80,95.
"""

from dataclasses import dataclass

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands
from elman.training.settings import LayerSettings, TrainingSettings

DECODINGS = ("segment", "direct", "recursive")
MOST_LEVELS = 9


@dataclass(frozen=True, kw_only=True)
class ForecastSettings(LayerSettings, TrainingSettings):
    """Say what is forecast, how far, from what, and how."""

    target: str | None = option(
        None,
        "the columns to forecast, with commas between them [dim](default: all numbers)[/]",
        group="Input",
        metavar="COLUMN,…",
    )
    time: str | None = option(
        None, "the column of times [dim](default: as it looks)[/]", group="Input", metavar="COLUMN"
    )
    id: str | None = option(
        None,
        "the columns whose values tell series apart [dim](default: as it looks)[/]",
        group="Input",
        metavar="COLUMN,…",
    )
    known: str | None = option(
        None, "columns that are known ahead, such as holidays or prices", group="Input", metavar="COLUMN,…"
    )
    past: str | None = option(None, "columns to read that end with the target", group="Input", metavar="COLUMN,…")
    static: str | None = option(None, "columns that describe a series as a whole", group="Input", metavar="COLUMN,…")
    season: int | None = option(
        None, "steps of a season [dim](default: that of the calendar)[/]", group="Input", least=1
    )
    fill_gaps: bool = option(False, "let times that are missing be missing values", group="Input")
    # Off, since it helped neither on ETTh1 nor on sales a day: what repeats stands in the look-back already.
    calendar: bool = option(
        False, "read where in the day, the week and the year a step is, as far as the data repeat it", group="Input"
    )

    horizon: int | None = option(
        None,
        "steps to forecast [dim](default: two seasons of up to 12 steps, one of more, 8 steps without one; at most "
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
        "forecast all segments at once, the horizon as one, or a segment from the last",
        group="Model",
        choices=DECODINGS,
    )
    levels: str = option(
        "80", "intervals to forecast, in percent, with commas between them", group="Model", metavar="N,…"
    )
    hidden: int = option(256, "size of the hidden state", group="Model", least=1)

    epochs: int | None = option(
        None, "passes over the windows [dim](default: as many as make about 1000 updates)[/]", group="Training", least=1
    )
    learning_rate: float | None = option(
        None, "peak of the schedule [dim](default: 0.002; sgd: 0.5; asgd: 10)[/]", group="Training", above=0, most=1000
    )
    batch: int | None = option(
        None, "windows of one update [dim](default: 256, down to 16 of few windows)[/]", group="Training", least=1
    )
    validation: int | None = option(
        None,
        "steps at the end of each series held out to validate on [dim](default: a fifth, at least a horizon; "
        "of 100 series or more a horizon)[/]",
        group="Training",
        least=1,
    )

    dropout: float = option(
        0.3, "share dropped between layers and before the readout", group="Regularising", least=0, below=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.percents()
        if self.horizon is not None and self.validation is not None and self.validation < self.horizon:
            raise ConfigError(
                f"validation is {self.validation} and horizon is {self.horizon}; a forecast is validated on a whole "
                "horizon. Hold out at least as many steps."
            )

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
        """Return the shares that are forecast: both ends of each interval, and the median in the middle.

        >>> ForecastSettings(levels="50,80").quantiles()
        (0.1, 0.25, 0.5, 0.75, 0.9)
        """
        low = [(100 - percent) / 200 for percent in reversed(self.percents())]
        return (*low, 0.5, *(1 - share for share in reversed(low)))


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """Say from where it is forecast."""

    every: int = option(1, "series: steps from one origin to the next", least=1, metavar="N")
    origins: int | None = option(
        None, "series: forecast from the latest N origins of each, not all", least=1, metavar="N"
    )


@dataclass(frozen=True, kw_only=True)
class PredictOptions(OptionTable):
    """Say what is made of forecasts."""

    picture: str | None = option(
        None,
        "series: draw the forecasts, as .png, .svg or .pdf",
        metavar="PICTURE",
        foreign="--picture draws forecasts, and {model} makes none. Drop it.",
    )


COMMANDS = Commands(
    settings=ForecastSettings,
    data="a table (CSV, TSV, JSONL) with a row a time: a series a column, or a column that names the series",
    trains="Train a model that forecasts one or many series, with intervals.",
    reads="The end of each series is held out, and says which weights are best and how wide intervals must be.",
    cell="gru",
    trials_by="forecasts",
    answers="forecasts series",
    evaluate=EvaluateOptions,
    predict=PredictOptions,
)
