"""Read single files: sound, images, features of speech, and NumPy's arrays.

Each reader refuses a damaged or impossible file with the reason, before it takes much more memory than the file has
bytes.

>>> import numpy as np
>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from elman.data.formats.numpy_files import open_npy
>>> with TemporaryDirectory() as folder:
...     np.save(f"{folder}/steps.npy", np.zeros((7, 3)))
...     open_npy(Path(folder, "steps.npy")).shape
(7, 3)
"""
