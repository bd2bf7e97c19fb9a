"""Turn pictures into maps of numbers: features of cells, for a decoder that looks at them.

`encoder` says what becomes of a picture: features that the user brings are standardised; photos become features of a
trained network (`efficientnet`, computed once and kept by `kept`), or are brought to one size for a convolution that is
trained with the model. `maps` gives those of many pictures in batches.

>>> import numpy as np
>>> from elman.data.captions.pictures import GivenPictures
>>> from elman.encoders.pictures.encoder import learn_pictures
>>> photos = GivenPictures([np.full((4, 6, 3), 10 * shade, np.uint8) for shade in range(5)])
>>> encoder = learn_pictures(photos, range(5), reader="convolution", side=8)
>>> encoder.size, encoder.describe()
((3, 8, 8), 'photos of 8 × 8 pixels, read by a convolution')
"""
