"""Turn the outputs of a network into sequences.

`sampling` turns logits into one unit at a time; `crf` chooses all tags of a sentence together, by the scores of each
word and of each pair of neighbours.

>>> import torch
>>> from elman.decoding.crf import LinearChain
>>> chain = LinearChain(3)
>>> chain.best(torch.zeros(7, 2, 3), torch.tensor([7, 5])).shape
torch.Size([7, 2])
"""
