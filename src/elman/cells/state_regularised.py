"""State-regularised networks: the new state is a weighted mean of a few learned ones."""

from elman.expr import cell, softmax, tanh


@cell
def state_regularised(x, h, *, W, U, b, S):
    """State-regularised network, at the temperature 1 (Wang & Niepert 2019, section 3); name the size of S.

    The rows of S are the centroids. An ordinary network proposes u; h is the mean of the centroids with the weights
    softmax(S u), the differentiable of the paper's two transitions.
    """
    u = tanh(W @ x + U @ h + b)
    alpha = softmax(S @ u)
    return S.T @ alpha
