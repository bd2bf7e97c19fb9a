"""Turn examples into sequences: each kind of data has an encoder, learnt from the training examples.

An encoder gives either *units*, (T, K) int64, column 0 the number of a word, character or k-mer and the further columns
those of its letters, or *frames*, (T, D) float32. It says in `front`, in plain data, what a module must know to read
them, and writes itself as plain data, so that new examples are read as those it was learnt from.

* `words` reads text: words with their letters beside them, or characters; `letters` the k-mers of a genome;
* `table` makes one step of a row of numbers and categories, `series` standardises what has steps already;
* `sound` computes log-mel energies or MFCC (`mel`), `image` reads rows or pixels;
* `scaling` standardises, `limit` says how much is read, and `ahead` looks at the first examples before all are read;
* `encoder` is what all kinds have in common, `settings` holds their options, `augmentation` varies examples in
  training;
* `targets` turns what is to be predicted into numbers, `batches` pads sequences (`lengths`), and `fronts` are the
  layers that read a batch, in front of the recurrent ones.

    >>> from elman.data.dataset import Columns, Example
    >>> from elman.encoders.encoder import learn_encoder, read_encoder
    >>> from elman.encoders.settings import InputSettings
    >>> examples = [Example({"text": "so good"}, "yes", "line 1"), Example({"text": "so bad"}, "no", "line 2")]
    >>> encoder = learn_encoder(Columns({"text": "text"}), examples, InputSettings(unit="word", letters=False))
    >>> encoder.encode(examples[1]).tolist(), encoder.describe()
    ([[3], [4]], 'words, 3 known')
    >>> read_encoder(encoder.to_dict()) == encoder
    True
"""
