"""Run custom cells in JAX, `lax.scan` under `jit`, in a process of their own: `bench.speed.jax_loops NAME FILE STEPS`.

JAX chooses its threads when it starts, so one process runs with one core and another with two. FILE (.npz) holds the
parameters by name, `x` and `upstream`; the output and the gradients of the first STEPS time steps go to FILE with the
ending `.out.npz`. After that the process is a candidate: :class:`bench.worker.Worker` tells it how often to call.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from bench.speed.worker import serve

LAYER_NORM_EPSILON = 1e-5
Array = Any
Parameters = Mapping[str, Array]


def lstm_peephole(q: Parameters, x: Array) -> Array:
    """Scan :obj:`elman.cells.lstm_peephole` over x (T, B, I)."""
    import jax
    from jax import numpy as np

    p_i, p_f, p_o = np.split(q["p"], 3)

    def step(carried: Array, ahead: Array) -> tuple[Array, Array]:
        h, c = carried
        a_i, a_f, a_g, a_o = np.split(ahead + h @ q["U"].T, 4, 1)
        i, f = jax.nn.sigmoid(a_i + p_i * c), jax.nn.sigmoid(a_f + p_f * c)
        c = f * c + i * np.tanh(a_g)
        h = jax.nn.sigmoid(a_o + p_o * c) * np.tanh(c)
        return (h, c), h

    return _scan(step, x @ q["W"].T + q["b"], q["U"].shape[1])


def lem(q: Parameters, x: Array) -> Array:
    """Scan :obj:`elman.cells.lem` over x (T, B, I)."""
    import jax
    from jax import numpy as np

    W, V, b = (np.concatenate([q[f"{family}_delta_y"], q[family]]) for family in "WVb")

    def step(carried: Array, ahead: tuple[Array, Array]) -> tuple[Array, Array]:
        y, z = carried
        a_delta_y, a_delta_z, a_z = np.split(ahead[0] + y @ W.T, 3, 1)
        delta_y, delta_z = jax.nn.sigmoid(a_delta_y), jax.nn.sigmoid(a_delta_z)
        z = (1 - delta_z) * z + delta_z * np.tanh(a_z)
        y = (1 - delta_y) * y + delta_y * np.tanh(ahead[1] + z @ q["W_y"].T)
        return (y, z), y

    return _scan(step, (x @ V.T + b, x @ q["V_y"].T + q["b_y"]), W.shape[1])


def lstm_layer_norm(q: Parameters, x: Array) -> Array:
    """Scan :obj:`elman.cells.lstm_layer_norm` over x (T, B, I)."""
    import jax
    from jax import numpy as np

    hidden = q["U"].shape[1]
    gates = (4, hidden)
    gain_x, gain_h = q["alpha_x"].reshape(gates), q["alpha_h"].reshape(gates)
    b_gates, b_c = q["b"][: 4 * hidden].reshape(gates), q["b"][4 * hidden :]

    def normalise(v: Array) -> Array:
        centred = v - v.mean(-1, keepdims=True)
        return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + LAYER_NORM_EPSILON)

    def step(carried: Array, ahead: Array) -> tuple[Array, Array]:
        h, c = carried
        a = ahead + gain_h * normalise((h @ q["U"].T).reshape(-1, *gates))
        i, f, o = (jax.nn.sigmoid(a[:, gate]) for gate in (0, 1, 3))
        c = f * c + i * np.tanh(a[:, 2])
        h = o * np.tanh(q["alpha_c"] * normalise(c) + b_c)
        return (h, c), h

    ahead = gain_x * normalise((x @ q["W"].T).reshape(*x.shape[:2], *gates)) + b_gates
    return _scan(step, ahead, hidden)


def newcomer(q: Parameters, x: Array) -> Array:
    """Scan :obj:`bench.cells.newcomer` over x (T, B, I)."""
    import jax
    from jax import numpy as np

    p_k, p_s = np.split(q["p"], 2)

    def step(carried: Array, ahead: Array) -> tuple[Array, Array]:
        h, m = carried
        a_k, a_n, a_s = np.split(ahead + h @ q["U"].T, 3, 1)
        k, n = jax.nn.sigmoid(a_k + p_k * m), np.tanh(a_n)
        m = k * m + (1 - k) * n
        s = jax.nn.sigmoid(a_s + p_s * m)
        h = s * np.tanh(m) + (1 - s) * n
        return (h, m), h

    return _scan(step, x @ q["W"].T + q["b"], q["U"].shape[1])


def _scan(step: Callable[[Array, Any], tuple[Array, Array]], ahead: Any, hidden: int) -> Array:
    """Run a step with two states over what was computed ahead for all time steps: (T, B, …), or several such."""
    import jax
    from jax import numpy as np

    batch = jax.tree.leaves(ahead)[0].shape[1]
    zeros = np.zeros((batch, hidden))
    return jax.lax.scan(step, (zeros, zeros), ahead)[1]


LOOPS = {loop.__name__: loop for loop in (lstm_peephole, lem, lstm_layer_norm, newcomer)}


def main(name: str, file: str, steps: str) -> None:
    """Compile an update, write what it gives on the first steps, and wait to be called."""
    import jax
    import numpy as np

    with np.load(file) as stored:
        given = {key: jax.numpy.asarray(stored[key]) for key in stored.files}
    x, upstream = given.pop("x"), given.pop("upstream")

    def loss(parameters: Parameters, x: Array, upstream: Array) -> tuple[Array, Array]:
        output = LOOPS[name](parameters, x)
        return (output * upstream).sum(), output

    update = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (_, output), gradients = update(given, x[: int(steps)], upstream[: int(steps)])
    np.savez(f"{file}.out.npz", output=output, **{f"d_{key}": value for key, value in gradients.items()})
    serve(lambda: jax.block_until_ready(update(given, x, upstream)))


if __name__ == "__main__":
    main(*sys.argv[1:])
