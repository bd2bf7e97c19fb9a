"""Numbers are read as people write them; what each means is written by hand."""

import pytest

from elman.data.tables.numbers import NumberDialect, read_written, split_written

POINT, COMMA = NumberDialect(".", ","), NumberDialect(",", ".")


@pytest.mark.parametrize(
    ("cell", "point", "comma"),
    [
        ("950", 950, 950),
        ("+3", 3, 3),
        ("1e5", 1e5, 1e5),
        ("1.024", 1.024, 1024),
        ("1,024", 1024, 1.024),
        ("1.024,5", None, 1024.5),
        ("1,024.5", 1024.5, None),
        ("1.234.567", None, 1234567),
        ("12,34,567.5", 1234567.5, None),
        ("0,123", None, 0.123),
        ("0.123", 0.123, None),
        ("1,5", None, 1.5),
        (".5", 0.5, None),
        (",5", None, 0.5),
        ("1,5E+3", None, 1500),
        ("1.5e−3", 0.0015, None),
        ("1\u00a0234,5", None, 1234.5),
        ("1\u202f234\u202f567", 1234567, 1234567),
        ("1\u2009234.5", 1234.5, None),
        ("1 234", 1234, 1234),
        ("1'234.5", 1234.5, None),
        ("1’234", 1234, 1234),
        ("(12)", -12, -12),
        ("(1,234.50)", -1234.5, None),
        ("−5", -5, -5),
        ("5.50-", -5.5, None),
        ("- 5", -5, -5),
    ],
)
def test_a_number_has_the_value_of_its_marks(cell, point, comma):
    assert (read_written(cell, POINT), read_written(cell, COMMA)) == (point, comma)


@pytest.mark.parametrize(
    ("cell", "value", "unit"),
    [
        ("$40,037.72", 40037.72, "$"),
        ("-$5", -5, "$"),
        ("($1,234.50)", -1234.5, "$"),
        ("$(12.5)", -12.5, "$"),
        ("40.04 %", 40.04, "%"),
        ("3%", 3, "%"),
        ("(3)%", -3, "%"),
        ("US$ 5", 5, "US$"),
        ("5 USD", 5, "USD"),
        ("CHF 1'234.50", 1234.5, "CHF"),
        ("12 kr", 12, "kr"),
        ("₹12,34,567", 1234567, "₹"),
    ],
)
def test_a_unit_changes_no_value(cell, value, unit):
    assert read_written(cell, NumberDialect(".", ",", unit)) == value


@pytest.mark.parametrize(
    "cell",
    [
        *[
            "",
            "-",
            "so",
            "12 kg",
            "1,2,3",
            "1 23",
            "2024-01-01",
            "01.02.2024",
            "12:30",
            "--5",
            "-5-",
            "(5",
            "5)",
            "(-5)",
        ],
        *["$5 €", "1,23.5", "1,234 567", "1e999", "9" * 400, "½", "٣", "1_000", "0x1F", "10.0.0.1", "$", "%", "nan"],
    ],
)
def test_other_texts_are_no_numbers(cell):
    assert (read_written(cell, POINT), read_written(cell, COMMA)) == (None, None)


def test_marks_that_a_dialect_lacks_are_refused():
    assert read_written("1,024", NumberDialect(".")) is None
    assert read_written("1.024", NumberDialect(",")) is None
    assert read_written("1 024", NumberDialect(".")) == 1024


def test_without_a_decimal_mark_two_readings_are_none():
    whole = NumberDialect("")
    assert [read_written(cell, whole) for cell in ("950", "1.5", "1,5", "1.024", "1,024")] == [
        950,
        1.5,
        1.5,
        None,
        None,
    ]


def test_units_are_compared():
    percent, dollar = NumberDialect(unit="%"), NumberDialect(unit="$")
    assert [read_written(cell, percent) for cell in ("5 %", "5", "0", "5 $")] == [5, None, 0, None]
    assert [read_written(cell, dollar) for cell in ("$5", "5", "€5", "5 %")] == [5, 5, None, None]


def test_a_long_text_is_no_number():
    assert split_written("1" * 61) is None
