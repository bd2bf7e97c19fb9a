"""Read single files of a form: sound, images, features of speech, and NumPy's arrays.

Each reader says of a damaged or impossible file what is wrong with it, before it takes more memory than the file is
worth.

>>> import numpy as np
>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from elman.data.formats.numpy_files import open_npy
>>> with TemporaryDirectory() as folder:
...     np.save(f"{folder}/steps.npy", np.zeros((7, 3)))
...     open_npy(Path(folder, "steps.npy")).shape
(7, 3)
"""
