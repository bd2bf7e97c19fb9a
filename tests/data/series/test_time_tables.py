"""Series from tables: wide and long, with covariates, gaps and different ends; every error names file and line."""

import json

import numpy as np
import pytest

from elman.data.series.opening import open_series
from elman.data.series.series import SeriesColumns
from elman.errors import ConfigError, DataError

SALES = "date,sales,visits\n2024-01-01,5,9\n2024-01-02,7,8\n2024-01-03,,7\n2024-01-04,4,\n2024-01-05,6,\n"


@pytest.fixture
def write(tmp_path):
    def writer(text, name="sales.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def days(count, *columns):
    """Write `count` days with these columns, each a list of cells."""
    rows = zip(*columns, strict=True)
    stamps = np.datetime64("2024-01-01") + np.arange(count)
    return "".join(f"{day},{','.join(map(str, row))}\n" for day, row in zip(stamps, rows, strict=True))


def test_every_column_of_numbers_of_a_wide_table_is_a_series_with_its_own_end(write):
    found = open_series(write(SALES))
    sales, visits = found.series
    assert (sales.name, visits.name) == ("sales", "visits")
    np.testing.assert_array_equal(sales.values, [5, 7, np.nan, 4, 6])
    np.testing.assert_array_equal(visits.values, [9, 8, 7])
    assert sales.start == np.datetime64("2024-01-01")
    assert (sales.past.shape, sales.known.shape) == ((5, 0), (5, 0))
    assert sales.where.endswith("sales.csv, column sales")
    assert visits.last.endswith("sales.csv line 4")
    assert found.frequency.step == ("day", 1)


def test_a_series_that_begins_late_begins_at_its_first_value(write):
    found = open_series(write("month,a,b\n2024-01-31,1,\n2024-02-29,2,\n2024-03-31,1,5\n2024-04-30,4,6\n"))
    assert found.series[1].start == np.datetime64("2024-03-31")
    assert found.frequency.timestamps(found.series[1].start, 3)[-1] == np.datetime64("2024-05-31")


def test_known_covariates_go_on_beyond_the_values_and_past_ones_do_not(write):
    table = "date,sales,visits,promo,price\n2024-01-01,5,9,0,2\n2024-01-02,7,,1,2\n2024-01-03,,,1,3\n2024-01-04,,,0,\n"
    found = open_series(write(table), target="sales", known="promo,price", past=["visits"])
    [sales] = found.series
    np.testing.assert_array_equal(sales.values, [5, 7])
    np.testing.assert_array_equal(sales.known, [[0, 2], [1, 2], [1, 3]])
    np.testing.assert_array_equal(sales.past, [[9], [np.nan]])
    assert sales.last.endswith("line 4")
    found.require_known(1)
    with pytest.raises(
        DataError, match=r"sales.csv line 4: promo, price of sales is known 1 step beyond.*up to 2024-01-04"
    ):
        found.require_known(2)


def test_a_covariate_that_is_text_becomes_a_number_for_each_of_its_values(write):
    table = "date,sales,holiday\n" + days(5, [5, 7, 6, 5, ""], ["Easter", "", "May Day", "Easter", "May Day"])
    found = open_series(write(table), target="sales", known="holiday")
    assert found.columns.names(found.columns.known) == ("holiday=Easter", "holiday=May Day")
    assert found.series[0].known.tolist() == [[1, 0], [0, 0], [0, 1], [1, 0], [0, 1]]
    other = write("date,sales,holiday\n2024-02-01,5,Easter\n2024-02-02,6,Xmas\n", "later.csv")
    with pytest.raises(DataError, match=r"later.csv line 3, column holiday: 'Xmas' is none of Easter, May Day"):
        open_series(other, like=found.columns)


def test_the_rows_of_a_long_table_may_be_mixed_and_series_may_differ_in_length(write):
    rows = ("B,2024-01-02,1", "A,2024-01-01,2", "B,2024-01-03,3", "A,2024-01-02,4", "A,2024-01-03,5", "A,2024-01-04,7")
    found = open_series(write("store,date,sales\n" + "\n".join(rows)))
    assert found.columns.id == ("store",)
    assert {one.name: one.values.tolist() for one in found.series} == {"B": [1, 3], "A": [2, 4, 5, 7]}
    assert found.series[0].start == np.datetime64("2024-01-02")
    assert found.series[0].where.endswith("sales.csv, store B")
    assert any("same store form one series" in note for note in found.notes)


def test_two_columns_may_identify_series_and_series_may_have_static_covariates(write):
    rows = [
        f"{day},{store},{item},{area},{n}"
        for n, (day, store, item, area) in enumerate(
            (f"2024-01-0{day}", store, item, 10 * (store == "X") + 5)
            for day in (1, 2, 3)
            for store in "XY"
            for item in ("tea", "rice")
        )
    ]
    found = open_series(
        write("date,store,item,area,value\n" + "\n".join(rows)), target="value", id="store,item", static="area"
    )
    assert [one.name for one in found.series] == ["X tea", "X rice", "Y tea", "Y rice"]
    assert [dict(one.static) for one in found.series] == [{"area": 15.0}] * 2 + [{"area": 5.0}] * 2


def test_two_columns_that_identify_series_are_inferred(write):
    rows = [f"2024-01-0{d},{s},{i},{d * d + n}" for d in (1, 2, 3) for s in "XY" for n, i in enumerate(("tea", "rice"))]
    found = open_series(write("date,store,item,value\n" + "\n".join(rows)))
    assert found.columns.id == ("store", "item")
    assert len(found) == 4


def test_without_times_rows_are_counted_and_a_season_is_found_in_the_values(write):
    found = open_series(write("load\n" + "\n".join(map(str, np.tile([3, 1, 4, 1, 5], 9)))))
    assert (found.columns.time, found.frequency.step, found.frequency.season) == (None, ("step", 1), 5)
    assert found.series[0].start == 0
    assert open_series(write("load\n1\n2\n1\n3\n"), season=3).frequency.season == 3


def test_a_calendar_season_that_does_not_fit_twice_is_dropped_with_a_note(write):
    found = open_series(write("date,y\n" + days(13, range(13))))
    assert found.frequency.season == 1
    assert any("season of 7 steps does not fit twice" in note for note in found.notes)
    assert open_series(write("date,y\n" + days(14, range(14)))).frequency.season == 7


def test_gaps_become_missing_values_where_requested(write):
    path = write("date,y,x\n2024-01-01,1,1\n2024-01-02,2,1\n2024-01-03,3,1\n2024-01-06,4,2\n2024-01-07,,3\n")
    with pytest.raises(DataError, match=r"sales.csv line 5, column date: 2024-01-06 follows 2024-01-03.*--fill-gaps"):
        open_series(path)
    found = open_series(path, target="y", known="x", fill_gaps=True)
    [series] = found.series
    assert len(open_series(path, like=found.columns).series[0]) == 6, "a model remembers it"
    np.testing.assert_array_equal(series.values, [1, 2, 3, np.nan, np.nan, 4])
    np.testing.assert_array_equal(series.known.ravel(), [1, 1, 1, np.nan, np.nan, 2, 3])


def test_a_model_reads_new_files_by_its_columns(write):
    columns = open_series(write(SALES), target="sales", past="visits").columns
    columns = SeriesColumns.from_dict(json.loads(json.dumps(columns.to_dict())))
    later = write("day,visits,sales,date\nx,1,2,2025-03-01\ny,2,2,2025-03-02\n", "later.csv")
    found = open_series(later, like=columns)
    assert found.series[0].values.tolist() == [2, 2]  # A model may be asked about a series that rests.
    assert found.series[0].past.tolist() == [[1], [2]]
    assert open_series(write("visits,date,hours\n1,2025-01-01,3\n2,2025-01-02,4\n"), like=columns, target="hours")
    with pytest.raises(DataError, match=r"has no column sales\. Did you mean sale\?"):
        open_series(write("date,sale,visits\n2025-01-01,1,1\n"), like=columns)
    with pytest.raises(DataError, match="the steps are daily"):
        open_series(write("date,sales,visits\n2025-01-01,1,1\n2025-02-01,1,1\n"), like=columns)
    with pytest.raises(DataError, match="'many', and a number is expected"):
        open_series(write("date,sales,visits\n2025-01-01,1,1\n2025-01-02,1,many\n"), like=columns)


def test_files_that_go_on_are_one_series_and_a_model_may_read_json_lines(write):
    first, second = write("t,y\n1,5\n2,6\n", "a.csv"), write("t,y\n3,8\n4,7\n", "b.csv")
    assert open_series([first, second]).series[0].values.tolist() == [5, 6, 8, 7]
    lines = write(
        '{"t": "2024-01-01", "y": 1}\n{"t": "2024-01-02", "y": null}\n{"t": "2024-01-03", "y": 3}\n', "a.jsonl"
    )
    np.testing.assert_array_equal(open_series(lines).series[0].values, [1, np.nan, 3])


def test_columns_that_are_not_read_are_named(write):
    found = open_series(
        write("date,sales,weather,id\n" + days(30, [k % 9 for k in range(30)], ["dry"] * 30, range(30)))
    )
    assert found.columns.targets == ("sales",)
    assert any("Not read: weather, id." in note for note in found.notes)


TWO = "date,y\n2024-01-01,1\n2024-01-02,2\n"
MIXED = "2024-01-01,a,1,3\n2024-01-01,b,2,4\n2024-01-02,a,2,4\n2024-01-02,b,3,4\n"
BAD = {
    "out of order": (TWO + "2023-12-31,3\n", {}, "line 4, column date: 2023-12-31 comes after 2024-01-02"),
    "twice": (TWO + "2024-01-02,3\n", {}, "line 4, column date: the time 2024-01-02 was there before, in .*line 3"),
    "no time": (TWO + "soon,3\n", {}, "line 4, column date: is 'soon'"),
    "empty time": (TWO + ",3\n", {}, "line 4, column date: is empty"),
    "text": (TWO + "2024-01-03,two\n", {}, "line 4, column y: is 'two', and a number is expected"),
    "NaN": (TWO + "2024-01-03,NaN\n", {}, "line 4, column y: is 'NaN'"),
    "two marks": ("date;y\n2024-01-01;1,5\n2024-01-02;2.5\n", {}, "line 3, column y: '2.5' has a decimal point or"),
    "two readings": (
        "date;y\n2024-01-01;1,500\n",
        {},
        "line 2, column y: '1,500' is 1.5 with a decimal comma and 1500",
    ),
    "constant": ("date,y\n" + days(9, [3] * 9), {}, "line 10: y is 3 in all of its 9 steps"),
    "one is constant": ("date,y,x\n" + days(5, range(5), [2] * 5), {"target": "y,x"}, "line 6: x is 2 in all"),
    "one row": ("date,y\n2024-01-01,1\n", {}, "line 2: every series of"),
    "no row": ("date,y\n", {}, "has a header and no row"),
    "no number": ("date,note\n2024-01-01,a\n2024-01-02,b\n", {}, "to forecast: date, note. .*line 2, column note"),
    "no value": ("date,y\n2024-01-01,\n2024-01-02,\n", {"target": "y"}, "line 2, column y: the column has no number"),
    "no column": (TWO, {"target": "z"}, "has no column z"),
    "wrong time": ("date,y\n2024-01-01,a\n", {"time": "y"}, "line 2, column y: 'a' is no time that is understood"),
    "two roles": (TWO, {"past": "y", "target": "y"}, "column y has two roles"),
    "static and wide": (TWO, {"static": "date"}, "wide table"),
    "no id": ("date,id,y\n2024-01-01,a,1\n2024-01-02,,2\n", {"id": "id"}, "line 3: id is empty"),
    "static that changes": (
        "date,id,y,s\n2024-01-01,a,1,3\n2024-01-02,a,2,4\n",
        {"id": "id", "static": "s", "target": "y"},
        "line 3: the static covariate s of a is '4', and '3' before",
    ),
    "long with two": (f"date,id,u,z\n{MIXED}", {}, "several columns of numbers: u, z. Name one with --target"),
    "ambiguous": ("when,y\n01/02/2024,1\n01/02/2024,2\n", {}, "line 2, column when: 01/02/2024 may begin with a day"),
    "too many texts": (
        "date,y,k\n" + days(60, range(60), [f"c{k}" for k in range(60)]),
        {"target": "y", "known": "k"},
        "more than 50 different texts",
    ),
}


@pytest.mark.parametrize(("table", "options", "message"), BAD.values(), ids=BAD)
def test_bad_tables_are_refused_in_one_line_with_file_and_line(write, table, options, message):
    with pytest.raises(DataError, match=message) as caught:
        open_series(write(table), **options)
    assert "sales.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_constant_column_that_was_not_requested_is_left_out_and_a_constant_series_is_noted(write):
    found = open_series(write("date,y,x\n" + days(5, range(5), [2] * 5)))
    assert found.columns.targets == ("y",)
    assert "Left out, because its value never changes: x." in found.notes
    long = "date,id,y\n" + "".join(f"2024-01-0{d},{i},{d * (i == 'a')}\n" for d in (1, 2, 3) for i in "ab")
    assert "The value never changes: b." in open_series(write(long)).notes


@pytest.mark.parametrize(
    ("write_day", "unit"),
    [(lambda k: f"{k % 12 + 1}/1/{2020 + k // 12}", "month"), (lambda k: f"1/{k % 12 + 1}/{2020 + k // 12}", "month")],
)
def test_even_steps_decide_which_number_is_the_month(write, write_day, unit):
    found = open_series(write("when,y\n" + "".join(f"{write_day(k)},{k % 5}\n" for k in range(40))))
    assert found.frequency.step == (unit, 1)
    assert found.series[0].start == np.datetime64("2020-01-01")


def test_of_several_numbers_of_a_long_table_the_one_with_a_usual_name_is_forecast(write):
    assert open_series(write(f"date,id,u,sales\n{MIXED}")).columns.targets == ("sales",)


def test_steps_that_are_too_few_are_refused(write):
    found = open_series(write(SALES), target="sales")
    found.require_steps(5, "a look-back of 3 and a horizon of 2")
    with pytest.raises(DataError, match=r"sales.csv line 6: sales has 5 steps, and a look-back of 6 needs 6"):
        found.require_steps(6, "a look-back of 6")


def test_series_that_are_too_short_are_left_out_with_a_note(write):
    rows = ["1,1,", "2,2,", "3,3,", "4,,", "5,,7", "6,,8"]
    text = "".join(f"2024-01-0{day},{row}\n" for day, row in enumerate(rows, 1))
    found = open_series(write("date,a,b,c\n" + text), target="a,b,c")
    left = found.leave_out_short([4, 4, 1], "a look-back of 4")
    assert [one.name for one in left.series] == ["a", "c"]
    assert left.notes[-1] == (
        "Left out as too short: 1 of 3 series. The first, b, has 3 steps, and a look-back of 4 needs 4."
    )
    assert found.leave_out_short([6, 3, 1], "nothing") is found
    with pytest.raises(DataError, match="a has 6 steps, and a look-back of 7 needs 7"):
        found.leave_out_short([9, 7, 8], "a look-back of 7")


def test_what_is_no_table_is_refused(write, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        open_series(tmp_path / "none.csv")
    with pytest.raises(DataError, match="no table"):
        open_series(write("x", "series.docx"))
    with pytest.raises(ConfigError, match="season cannot have 0"):
        open_series(write(SALES), season=0)


@pytest.mark.parametrize(
    ("column", "factor", "message"),
    [
        ("sales", 1e101, r"column sales: the number 1e\+101 is beyond 1e\+100"),
        ("promo", -1e300, r"column sales: the number -1e\+300 is beyond 1e\+100"),
        ("sales", 1e-310, "column sales: all numbers are within 1e-100"),
    ],
)
def test_numbers_whose_squares_overflow_or_underflow_are_refused(tmp_path, column, factor, message):
    rows = [{"sales": day % 3, "promo": day % 2} for day in range(1, 20)]
    lines = [
        f"2024-01-{day:02},{row['sales'] * (factor if column == 'sales' else 1)},"
        f"{row['promo'] * (factor if column == 'promo' else 1)}"
        for day, row in enumerate(rows, 1)
    ]
    (tmp_path / "sales.csv").write_text("\n".join(["date,sales,promo", *lines]) + "\n")
    with pytest.raises(DataError, match=message):
        open_series(tmp_path / "sales.csv", target="sales", past="promo")
