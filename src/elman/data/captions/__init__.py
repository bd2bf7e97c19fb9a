r"""Read pictures with their captions: what is to be seen in a photo, in one sentence or in several.

`opening` recognises the form of the captions (a table, Flickr8k's list, COCO's JSON) and joins them with the pictures
that they name; `forms` reads each form; `pictures` reads the pictures, from files or from an `.npz` of photos or of
features that another network computed; `captioned` is what comes of it.

>>> import tempfile
>>> from pathlib import Path
>>> import numpy as np
>>> from elman.data.captions.opening import open_captions
>>> with tempfile.TemporaryDirectory() as folder:
...     np.savez(Path(folder, "photos.npz"), images=np.zeros((2, 5, 7, 3), np.uint8), names=["a.jpg", "b.jpg"])
...     _ = Path(folder, "c.csv").write_text("image,caption\na.jpg,a dog runs\na.jpg,a dog\nb.jpg,two birds\n")
...     found = open_captions([Path(folder, "c.csv"), Path(folder, "photos.npz")])
...     [(one.name, one.captions) for one in found.items], found.pictures.read(0).shape
([('a.jpg', ('a dog runs', 'a dog')), ('b.jpg', ('two birds',))], (5, 7, 3))
"""
