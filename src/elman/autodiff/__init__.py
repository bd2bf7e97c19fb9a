"""Say what a cell's gradient is: backpropagation through time, derived on one page.

**The network.** A cell is one function, used at every time step with the same parameters θ::

    s_t = F(x_t, s_{t−1}, θ),        L = Σ_t L_t(s_t),        t = 1 … T

where s_t holds all states of the cell, (h_t) or (h_t, c_t), and s_0 is given.

**Why θ is awkward.** h_t = f(U h_{t−1} + …) depends on U twice: openly, and through h_{t−1}, which itself depends on U.
For a scalar network h_t = f(w h_{t−1} + u x_t), differentiate both ways, holding h_{t−1} fixed for the *explicit* part
∂⁺::

    dh_t/dw  =  ∂⁺h_t/∂w  +  ∂h_t/∂h_{t−1} · dh_{t−1}/dw
                 explicit      implicit: everything that earlier steps did to h_{t−1}

Put the formula into itself until h_0, which does not depend on w (Werbos 1990, section III; Pascanu et al. 2013, eqs
3–5)::

    dh_t/dw  =  Σ_{k=1}^{t}  ( Π_{j=k+1}^{t} ∂h_j/∂h_{j−1} )  ∂⁺h_k/∂w

The term k = t is the explicit part; the terms k < t are the implicit one. The product is where gradients vanish or
explode: with ∂h_j/∂h_{j−1} = 0.9 at each of 50 steps it is 0.9^50 = 0.005, with 1.9 it is 1.9^50 = 8.7e13.

**Why it is cheap.** Sum over t and exchange the sums. What a step k contributes needs only the total adjoint of its
state, d_s_k = dL/ds_k, which follows from that of the next step::

    d_s_t  =  ∂L_t/∂s_t  +  J_{t+1}ᵀ d_s_{t+1},      J_t = ∂s_t/∂s_{t−1},      dL/dθ = Σ_k (∂⁺s_k/∂θ)ᵀ d_s_k

One pass backwards gives every gradient, and no Jacobian is ever formed: J_tᵀ d is the *adjoint of one step*, itself a
few equations. So the work divides in two, and the code with it.

**One step** (`adjoint`). Walk the graph of the step from its last node to its first. Each node hands its adjoint to the
nodes that it reads, by the rule of its row in the table of primitives; a product y = M v hands d_v = Mᵀ d_y to its
vector, and d_y vᵀ to its matrix. The leaf ``d_h`` is d_s_t arriving at the new state h; the output ``d_h`` is its share
of J_tᵀ d_s_t. For h' = tanh(U h + W x + b), with a the argument of tanh::

    d_a = d_h' · (1 − h'²)      d_h = Uᵀ d_a      d_x = Wᵀ d_a      d_U = Σ_t d_a hᵀ      d_b = Σ_t d_a

**All steps** (`program`). The forward schedule carries the states from t to t + 1, and saves what the mirror will read;
the mirror carries the adjoints from t to t − 1. What follows no carried value leaves the loop: W x + b before it, for
all time steps at once; d_x and the sums over t behind it. `simplify` orders sums and products so that as much as
possible does.

>>> import elman
>>> from elman.autodiff import derive
>>> program = derive(elman.cells.elman)
>>> [program.graph.nodes[i].op for stage in program.mirror.stages for i in (*stage.reductions, *stage.pointwise)]
['mul', 'product_t']
>>> [program.graph.nodes[i].op for i in program.mirror.end]
['total', 'outer', 'outer']

**Noise** (`noise`) is equations too: a mask is a side input, which has a value at every time step and no gradient, and
it is written into the step before the step is differentiated.

**Truncated BPTT** is not a different gradient but a shorter one: cut the sequence into windows, carry s_t from one to
the next as a plain value, and every term whose product reaches across a window's left edge is dropped.
"""

from elman.autodiff.adjoint import adjoint
from elman.autodiff.noise import NONE, Noise
from elman.autodiff.program import Program, Schedule, Stage, derive

__all__ = ["NONE", "Noise", "Program", "Schedule", "Stage", "adjoint", "derive"]
