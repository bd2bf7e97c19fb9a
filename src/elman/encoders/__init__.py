"""Turn examples into sequences: each kind of data has an encoder, learnt from the training examples.

An encoder gives either *units*, (T, K) int64: column 0 is the number of a word, character or k-mer, the further columns
are those of its letters; or *frames*, (T, D) float32. Its `front` describes, in plain data, the layers that can read
them. An encoder is written to the model file as plain data, so new examples are encoded as the training examples were.

* `words` encodes text: words, each with its letters, or characters; `letters` encodes the k-mers of a genome;
* `table` makes one step of a row of numbers and categories, `series` standardises what has steps already;
* `sound` computes log-mel energies or MFCC (`mel`, and `arriving` of a sound that is not over yet);
* `image` reads rows or pixels; `pictures` makes cells of photos, for a decoder that looks at them;
* `scaling` standardises, `normalising` by the moments of one utterance, as a whole or as it comes; `limit` truncates
  long sequences, `ahead` looks at the first examples before all are read;
* `encoder` is the interface of all kinds, `settings` their options, `augmentation` the random changes in training;
* `targets` turns targets into numbers, `batches` pads sequences (`lengths`), `kept` holds encoded examples in memory,
  and `fronts` are the layers that read a batch, in front of the recurrent ones.

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
