r"""Choose the tags of a sentence together: a linear-chain conditional random field (Lafferty, McCallum & Pereira 2001).

A sequence of tags y scores, for emissions e of the layers beneath,

    s(y) = start[y₁] + Σₜ e[t, yₜ] + Σₜ transitions[yₜ₋₁, yₜ] + end[y_T]

and its probability is exp s(y) / Z, where Z sums over all sequences. Z is exact, by the forward algorithm in log space;
the best sequence is found by the algorithm of Viterbi (1967).

>>> field = LinearChain(2)
>>> _ = nn.init.constant_(field.transitions, 0.0)
>>> _ = nn.init.constant_(field.transitions[0, 1].detach(), 9.0)
>>> emissions = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
>>> field.best(emissions, torch.tensor([2])).squeeze(1).tolist()
[0, 1]
"""

import torch
from torch import Tensor, nn

from elman.backends.inputs import step_mask

_BOUND = 0.1


class LinearChain(nn.Module):
    """A linear-chain conditional random field: scores of pairs of neighbouring tags, and of the first and last tag.

    Args:
        tags: K.

    Attributes:
        transitions: (K, K), from the tag of its row to that of its column.
        start: (K,) of the first tag.
        end: (K,) of the last.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.empty(tags, tags).uniform_(-_BOUND, _BOUND))
        self.start = nn.Parameter(torch.empty(tags).uniform_(-_BOUND, _BOUND))
        self.end = nn.Parameter(torch.empty(tags).uniform_(-_BOUND, _BOUND))

    def log_probability(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Return log P of sequences of tags, (B,).

        Args:
            emissions: (T, B, K).
            tags: (T, B) int64, from 0 to K − 1; values after the end of a sequence are ignored.
            lengths: (B,) int64, from 1 to T.
        """
        return self.score(emissions, tags, lengths) - self.log_partition(emissions, lengths)

    def score(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Return s of sequences of tags, (B,); see :meth:`log_probability`."""
        real = _real(emissions, lengths)
        tags = tags.where(real, 0)
        chosen = emissions.gather(2, tags.unsqueeze(2)).squeeze(2)
        moves = self.transitions[tags[:-1], tags[1:]] * real[1:]
        last = tags.gather(0, (lengths - 1).unsqueeze(0)).squeeze(0)
        return (chosen * real).sum(0) + moves.sum(0) + self.start[tags[0]] + self.end[last]

    def log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """Return log Z, (B,); see :meth:`log_probability`.

        The sum over the previous tag is a product of matrices of exponentials. In float64 the logarithms may differ by
        700, which learnt weights never do.
        """
        scores, ends = emissions.double(), self.end.double()
        highest = self.transitions.detach().amax(0).double()
        moves = (self.transitions.double() - highest).exp()
        real = _real(emissions, lengths)
        alpha = self.start.double() + scores[0]
        for t in range(1, len(scores)):
            top = alpha.detach().amax(1, keepdim=True)
            after = ((alpha - top).exp() @ moves).log() + top + highest + scores[t]
            alpha = torch.where(real[t].unsqueeze(1), after, alpha)
        return (alpha + ends).logsumexp(1).to(emissions.dtype)

    @torch.no_grad()
    def best(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """Return the likeliest sequences of tags, (T, B) int64; zeros after the end of each."""
        return self.search(emissions, lengths)[0]

    @torch.no_grad()
    def search(self, emissions: Tensor, lengths: Tensor, before: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Find the likeliest sequences of tags, perhaps behind steps that were read before.

        Args:
            emissions: (T, B, K).
            lengths: (B,).
            before: (B, K), what this method returned of the steps before; None where there are none.

        Returns:
            The tags of these steps, (T, B) int64, as if the sequence ended with them; and (B, K), for each tag the
            score of the best sequence that has it at the last step.
        """
        real = _real(emissions, lengths)
        first = self.start if before is None else (before.unsqueeze(2) + self.transitions).amax(1)
        alpha = first + emissions[0]
        stay = torch.arange(alpha.shape[1], device=alpha.device).expand_as(alpha)
        backpointers = []
        for t in range(1, len(emissions)):
            highest, where = (alpha.unsqueeze(2) + self.transitions).max(1)
            alpha = torch.where(real[t].unsqueeze(1), highest + emissions[t], alpha)
            backpointers.append(torch.where(real[t].unsqueeze(1), where, stay))
        tag = (alpha + self.end).argmax(1)
        path = [tag]
        for where in reversed(backpointers):
            tag = where.gather(1, tag.unsqueeze(1)).squeeze(1)
            path.append(tag)
        return torch.stack(path[::-1]).where(real, 0), alpha


def _real(emissions: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps are not padding, (T, B)."""
    return step_mask(lengths.to(emissions.device), len(emissions))
