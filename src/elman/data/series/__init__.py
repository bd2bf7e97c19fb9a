"""Read series over time: their values, the times of their steps, and what repeats in them.

`opening` reads tables, with `choosing` saying which column is what; `series` holds the result. `timestamps` reads
times, `regularity` brings them to equal steps, `frequency` says how long a step is, and `seasonality` what length a
season has.

>>> from elman.data.series.frequency import Frequency
>>> Frequency("month", 1, season=12).describe()
'monthly'
"""
