"""Read series over time: their values, the times of their steps, and what repeats in them.

`opening` reads tables into what `series` declares, and `choosing` infers the role of each column. `time_columns` finds
those of the time, by `time_names`; `timestamps` reads times, `time_parts` those in several columns, and `notation`
writes them as the table does. `regularity` finds their equal steps, `frequency` describes one step, `seasonality`
estimates the lengths of seasons, and `seasons` settles them.

>>> from elman.data.series.frequency import Frequency
>>> Frequency("month", 1, season=12).describe()
'monthly'
"""
