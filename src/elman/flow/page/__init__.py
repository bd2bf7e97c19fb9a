"""Draw the figures of a layer: the network from its equations, a picture for each figure, and one page with all.

`layering` and `dataflow` place the values of a cell, `diagram` draws them folded, `unfolded` step by step. `charts`
draws single figures in the colours of `style`, `pictures` those of :class:`elman.flow.Flow` and `training_pictures`
those of a training; `mattered` shows what a prediction rests on. `wording` writes numbers in words, and `report`
writes the page.

>>> from elman.cells import gru
>>> from elman.flow.page.diagram import draw_folded
>>> draw_folded(gru).startswith("<svg")
True
"""
