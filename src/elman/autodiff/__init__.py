"""Differentiate a cell over time: backpropagation through time, derived on one page.

**The network.** A cell is one function, used at every time step with the same parameters θ::

    s_t = F(x_t, s_{t−1}, θ),        L = Σ_t L_t(s_t),        t = 1 … T

where s_t contains all states of the cell, (h_t) or (h_t, c_t), and s_0 is given.

**The difficulty of θ.** h_t = f(U h_{t−1} + …) depends on U twice: directly, and through h_{t−1}, which depends on U.
For a scalar network h_t = f(w h_{t−1} + u x_t), differentiate both ways, with h_{t−1} constant for the *explicit* part
∂⁺::

    dh_t/dw  =  ∂⁺h_t/∂w  +  ∂h_t/∂h_{t−1} · dh_{t−1}/dw
                 explicit      implicit: through h_{t−1}, by all earlier steps

Insert the formula into itself until h_0, which does not depend on w (Werbos 1990, section III; Pascanu et al. 2013,
eqs 3–5)::

    dh_t/dw  =  Σ_{k=1}^{t}  ( Π_{j=k+1}^{t} ∂h_j/∂h_{j−1} )  ∂⁺h_k/∂w

The term k = t is the explicit part; the terms k < t are the implicit part. Gradients vanish or explode in the product:
with ∂h_j/∂h_{j−1} = 0.9 at each of 50 steps it is 0.9^50 = 0.005, with 1.9 it is 1.9^50 = 8.7e13.

**The cost.** Sum over t and exchange the sums. The contribution of step k needs only the total adjoint of its state,
d_s_k = dL/ds_k, which follows from that of the next step::

    d_s_t  =  ∂L_t/∂s_t  +  J_{t+1}ᵀ d_s_{t+1},      J_t = ∂s_t/∂s_{t−1},      dL/dθ = Σ_k (∂⁺s_k/∂θ)ᵀ d_s_k

One backward pass gives every gradient, and no Jacobian is ever formed: J_tᵀ d is the *adjoint of one step*, which is
again a few equations. So the work, and the code, has two parts.

**One step** (`adjoint`). Visit the graph of the step from its last node to its first. Each node adds to the adjoints of
the nodes that it reads, by the rule of its row in the table of primitives; a product y = M v adds d_v = Mᵀ d_y for its
vector, and d_y vᵀ for its matrix. The leaf ``d_h`` is the part of d_s_t for the new state h; the output ``d_h`` is the
part of J_tᵀ d_s_t for the state h before. For h' = tanh(U h + W x + b), with a the argument of tanh::

    d_a = d_h' · (1 − h'²)      d_h = Uᵀ d_a      d_x = Wᵀ d_a      d_U = Σ_t d_a hᵀ      d_b = Σ_t d_a

**All steps** (`program`). The forward schedule carries the states from t to t + 1, and saves the values that the mirror
reads; the mirror carries the adjoints from t to t − 1. Values that depend on no carried value are computed outside the
loop: W x + b before it, for all time steps at once; d_x and the sums over t after it. `simplify` orders sums and
products so that as many as possible are.

>>> import elman
>>> from elman.autodiff import derive
>>> program = derive(elman.cells.elman)
>>> [program.graph.nodes[i].op for stage in program.mirror.stages for i in (*stage.reductions, *stage.pointwise)]
['mul', 'product_t']
>>> [program.graph.nodes[i].op for i in program.mirror.end]
['total', 'outer', 'outer']

**Noise** (`noise`) is part of the equations: a mask is a side input, with a value at every time step and no gradient,
that is inserted into the step before it is differentiated.

**Truncated BPTT** drops terms of this gradient: divide the sequence into windows, carry s_t from one to the next as a
constant, and every term whose product crosses a window's left edge is dropped.
"""

from elman.autodiff.adjoint import adjoint
from elman.autodiff.noise import NONE, Noise
from elman.autodiff.program import Program, Schedule, Stage, derive

__all__ = ["NONE", "Noise", "Program", "Schedule", "Stage", "adjoint", "derive"]
