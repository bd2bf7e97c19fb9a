"""Tables whose rows are whole series: recognised by evidence, asked about, read as their transposed twin is."""

import json

import numpy as np
import pytest

from elman.data.series.opening import open_series
from elman.data.series.series import SeriesColumns
from elman.errors import ConfigError, DataError

ENDS = {"A1": (0, 13), "B2": (0, 11), "C3": (2, 7)}


def draw(steps=13, seed=3):
    drawn = np.random.default_rng(seed)
    return {name: np.round(drawn.normal(10, 3, steps), 2) for name in ENDS}


def write(path, header, series, ends=ENDS):
    """Write a row a series, empty outside of its steps; return the values of each."""
    lines, kept = [",".join(header)], {}
    for name, values in series.items():
        begin, end = ends.get(name, (0, len(values)))
        cells = ["" if not begin <= at < end else str(value) for at, value in enumerate(values)]
        lines.append(",".join([name, *cells]))
        kept[name] = values[begin:end]
    path.write_text("\n".join(lines) + "\n")
    return kept


def test_rows_of_counted_columns_are_series_as_in_the_m_competitions(tmp_path):
    kept = write(tmp_path / "m4.csv", ["V1", *(f"V{n}" for n in range(2, 15))], draw())
    found = open_series(tmp_path / "m4.csv")
    assert {one.name: one.values.tolist() for one in found.series} == {name: v.tolist() for name, v in kept.items()}
    assert [one.start for one in found.series] == [0, 0, 2]
    assert found.columns.sideways
    assert any("the 13 columns from V2 to V14 are its steps" in note for note in found.notes)
    assert found.series[1].where == f"{tmp_path / 'm4.csv'} line 3"


@pytest.mark.parametrize(
    ("header", "unit", "last"),
    [
        ([str(year) for year in range(1990, 2003)], "year", "2002"),
        ([f"2024-01-{day:02d}" for day in range(1, 14)], "day", "2024-01-13"),
        ([f"2023-Q{1 + n % 4}" if n < 4 else f"{2023 + n // 4}-Q{1 + n % 4}" for n in range(13)], None, "2026-Q1"),
    ],
)
def test_names_of_columns_that_are_times_are_the_times_of_a_row(tmp_path, header, unit, last):
    series = draw()
    write(tmp_path / "a.csv", ["country", *header], series, {})
    (tmp_path / "b.csv").write_text(
        "\n".join(
            [
                ",".join(["time", *series]),
                *(
                    f"{time},{','.join(map(str, row))}"
                    for time, row in zip(header, np.stack(list(series.values())).T.tolist(), strict=True)
                ),
            ]
        )
    )
    rows, columns = open_series(tmp_path / "a.csv"), open_series(tmp_path / "b.csv", time="time")
    assert rows.frequency == columns.frequency
    assert unit is None or rows.frequency.unit == unit
    for one, other in zip(rows.series, columns.series, strict=True):
        assert (one.name, one.start, one.values.tolist()) == (other.name, other.start, other.values.tolist())
        moment = rows.frequency.timestamps(one.start, len(one))[-1]
        assert rows.say_time(one, moment) == columns.say_time(other, moment) == last


def test_a_gap_among_the_times_of_columns_is_refused_with_the_name_of_the_column(tmp_path):
    write(tmp_path / "a.csv", ["country", *(str(1990 + n + (n > 6)) for n in range(13))], draw(), {})
    with pytest.raises(DataError, match="column 1998"):
        open_series(tmp_path / "a.csv")
    filled = open_series(tmp_path / "a.csv", fill_gaps=True)
    assert np.isnan(filled.series[0].values).tolist() == [at == 7 for at in range(14)]


def test_a_model_reads_other_rows_as_those_it_learnt_from(tmp_path):
    write(tmp_path / "m4.csv", ["V1", *(f"V{n}" for n in range(2, 15))], draw())
    columns = open_series(tmp_path / "m4.csv").columns
    again = SeriesColumns.from_dict(json.loads(json.dumps(columns.to_dict())))
    assert again == columns
    kept = write(tmp_path / "longer.csv", ["V1", *(f"V{n}" for n in range(2, 19))], draw(17, 5), {"A1": (3, 16)})
    found = open_series(tmp_path / "longer.csv", like=again)
    assert [one.values.tolist() for one in found.series] == [values.tolist() for values in kept.values()]


def test_a_comma_is_the_decimal_mark_of_all_steps_or_of_none(tmp_path):
    rows = [f"{name};" + ";".join(str(v).replace(".", ",") for v in values) for name, values in draw().items()]
    (tmp_path / "a.csv").write_text("\n".join(["V1;" + ";".join(f"V{n}" for n in range(2, 15)), *rows]))
    found = open_series(tmp_path / "a.csv")
    assert [one.values.tolist() for one in found.series] == [values.tolist() for values in draw().values()]
    assert open_series(tmp_path / "a.csv", like=found.columns).series[2].values.tolist() == draw()["C3"].tolist()


def test_a_table_with_a_column_of_times_or_a_target_stays_as_it_is(tmp_path):
    lines = ["date,s1,s2,s3,s4,s5", *(f"2024-01-{n:02d},{n},{n + 1},{n * n},{n % 3},7" for n in range(1, 29))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert [one.name for one in open_series(tmp_path / "a.csv").series] == ["s2", "s3", "s4"]
    write(tmp_path / "m4.csv", ["V1", *(f"V{n}" for n in range(2, 15))], draw(), {})
    assert [one.name for one in open_series(tmp_path / "m4.csv", target="V3").series] == ["V3"]
    assert len(open_series(tmp_path / "m4.csv", rows="steps").series) == 13


def test_where_a_row_may_be_either_the_user_is_asked(tmp_path):
    names = ["name", "mass", "width", "height", "depth", "age", "speed", "cost", "load", "heat"]
    series = {f"n{at}": np.arange(9.0) + at for at in range(4)}
    write(tmp_path / "a.csv", names, series, {})
    with pytest.raises(DataError, match="--rows series or --rows steps"):
        open_series(tmp_path / "a.csv")
    assert len(open_series(tmp_path / "a.csv", rows="series").series) == 4
    assert len(open_series(tmp_path / "a.csv", rows="steps").series) == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines, lines[-1]], "line 5: C3 was there before, in .* line 4"),
        (lambda lines: [*lines, "," + lines[-1].partition(",")[2]], "line 5: V1 is empty"),
    ],
)
def test_rows_without_a_name_of_their_own_are_refused(tmp_path, change, said):
    path = tmp_path / "m4.csv"
    write(path, ["V1", *(f"V{n}" for n in range(2, 15))], draw())
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=said):
        open_series(path, rows="series", id="V1")


def test_a_row_without_a_value_is_left_out_and_said(tmp_path):
    path = tmp_path / "m4.csv"
    write(path, ["V1", *(f"V{n}" for n in range(2, 15))], draw())
    path.write_text(path.read_text() + "D4" + 13 * "," + "\n")
    found = open_series(path)
    assert [one.name for one in found.series] == list(ENDS)
    assert "Without any value, and left out: D4." in found.notes


def test_roles_of_columns_have_no_meaning_where_rows_are_series(tmp_path):
    write(tmp_path / "m4.csv", ["V1", *(f"V{n}" for n in range(2, 15))], draw())
    for role in ("target", "past", "known"):
        with pytest.raises(ConfigError, match=f"{role} names a column"):
            open_series(tmp_path / "m4.csv", rows="series", **{role: "V3"})
