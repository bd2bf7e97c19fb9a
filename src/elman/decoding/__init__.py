"""Turn the outputs of a network into sequences.

`sampling` draws one unit from logits; `crf` chooses all tags of a sentence together, by a score for each word and for
each pair of neighbouring tags.

>>> import torch
>>> from elman.decoding.crf import LinearChain
>>> chain = LinearChain(3)
>>> chain.best(torch.zeros(7, 2, 3), torch.tensor([7, 5])).shape
torch.Size([7, 2])
"""
