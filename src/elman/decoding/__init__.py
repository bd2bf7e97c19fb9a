"""Turn the outputs of a network into sequences.

`sampling` draws one unit from logits; `search` keeps a beam of what a model may write, within `constraints`, or orders
of `bags` of units, and ranks `continuations`; `crf` chooses all tags of a sentence together, by a score for each word
and for each pair of neighbouring tags; `ctc` reads units from frames, and tells when each is written; `histories`
follows many texts in a language model, also in the counts of `ngrams`.

>>> import torch
>>> from elman.decoding.crf import LinearChain
>>> chain = LinearChain(3)
>>> chain.best(torch.zeros(7, 2, 3), torch.tensor([7, 5])).shape
torch.Size([7, 2])
"""
