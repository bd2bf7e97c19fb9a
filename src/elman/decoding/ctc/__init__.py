r"""CTC: read the outputs of a network that says at every frame which unit is written, or none (Graves et al. 2006).

The outputs are ln P of each unit and of the *blank* at every frame. A *path* takes one of them a frame; the text of a
path is what remains when repeated units are joined and blanks are removed, so one text has many paths, and

    P(text) = Σ P(path)   over all paths of the text

* `outputs` checks what a network gave, and reads it greedily: the text of the likeliest path;
* `path` reads that path as its frames arrive, and says when each unit was;
* `lattice` sums over all paths of a text, and finds the likeliest: at which frames each unit and each word is written;
* `search` looks for the texts of the largest score;
* `preferences` are what is added to ln P there: a language model, bonuses, hot words, a closed vocabulary;
* `letters` reads language models of characters, words and subwords letter by letter, and `spelling` gives a unit of
  several letters their part.

    >>> import numpy as np
    >>> from elman.decoding.ctc.outputs import read_greedily
    >>> from elman.decoding.ctc.search import search_texts
    >>> log_p = np.log([[[0.6, 0.4]], [[0.6, 0.4]]])
    >>> [[found]] = search_texts(log_p)
    >>> read_greedily(log_p), found.units, round(float(np.exp(found.log_probability)), 2)
    ([[]], [1], 0.64)
"""
