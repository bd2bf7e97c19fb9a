"""The layers that caption: the cells of a picture are what the decoder of :mod:`elman.models.attending` looks at.

    features of cells → linear → + a vector for the place of each cell → tanh → memory
    photo → four convolutions, each with normalisation and relu → features of cells

The decoder starts from the mean of the cells, and looks at single ones behind its first layer ("soft" attention of Xu
et al. 2015, section 4.2).

>>> from elman import cells
>>> model = CaptionModel(cells.lstm, Layers(hidden=8), size=(5, 2, 3), words=13, convolution=False)
>>> model(torch.randn(2, 5, 2, 3), torch.tensor([0, 0, 1]), torch.randint(13, (4, 3))).shape
torch.Size([4, 3, 13])
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.expr import Cell
from elman.models.attending import AttendingDecoder, DecoderState
from elman.models.layers import Layers
from elman.models.writing import AttendingWriter
from elman.nn.rows import Dropout, of_owned
from elman.nn.rowwise import Conv2d, Linear

_CHANNELS = (32, 64, 128, 128)
_STRIDES = (2, 2, 2, 1)
_GROUPS = 8


class CaptionModel(AttendingDecoder):
    """A network that writes a caption while it looks at the cells of a picture.

    Args:
        cell: the equations of both recurrent layers.
        layers: their sizes and dropout.
        size: C, H and W of a picture.
        words: how many numbers words have.
        convolution: the picture is a photo, which convolutions read first.
        embedding: size of a word's embedding; H unless given.
        attention, heads, second_attention: see :meth:`elman.models.attending.AttendingDecoder.add_decoder`.
        input_dropout: dropout on the features of a picture.

    Raises:
        ConfigError: the cell reads more than its input, or sizes do not fit each other.
    """

    def __init__(
        self,
        cell: Cell,
        layers: Layers,
        *,
        size: tuple[int, int, int],
        words: int,
        convolution: bool,
        embedding: int | None = None,
        attention: str = "bilinear",
        heads: int = 1,
        second_attention: bool = True,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(layers, units=words, size=embedding or layers.hidden, what="a picture")
        self.draw_embeddings()
        self.convolutions = Convolutions(size[0]) if convolution else None
        features = size[0] if self.convolutions is None else _CHANNELS[-1]
        self.project = Linear(features, layers.hidden)
        height, width = size[1:] if self.convolutions is None else self.convolutions.cells(*size[1:])
        # Attention knows no order: without this, left and right would look alike.
        self.places = nn.Parameter(torch.zeros(height * width, 1, layers.hidden))
        self.recurrent = self.build_first(cell, layers)
        self.add_decoder(
            cell, layers, layers.hidden, attention=attention, heads=heads, second_attention=second_attention
        )
        self.input_dropout = Dropout(input_dropout)

    def forward(
        self,
        pictures: Tensor,
        owners: Tensor,
        read: Tensor,
        written: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """Return the logits of every next word of the captions, (T, B, V), or the loss.

        Args:
            pictures: (P, C, H, W).
            owners: (B,) int64, the picture of each caption.
            read: (T, B) words, which begin with the end of a caption.
            written: (T, B) the next words, negative where nothing is to be written; with them the result is their mean
                cross entropy in nats, a scalar.
            label_smoothing: share of the probability given to all words alike, in the loss.
        """
        state = self.encode(pictures).select(owners)
        if written is None:
            return self.read_out(self.decode(read, state)[0])
        with of_owned(owners, len(pictures)):
            return self.write_loss(read, written, state, label_smoothing)

    def encode(self, pictures: Tensor) -> DecoderState:
        """Read pictures (P, C, H, W), and return the state of the decoder before its first step."""
        pictures = pictures.to(self.places.dtype)
        cells = pictures if self.convolutions is None else self.convolutions(pictures)
        cells = self.input_dropout(cells.flatten(2).permute(2, 0, 1).contiguous())
        memory = torch.tanh(self.project(cells) + self.places)
        return self.begin(memory, torch.full((memory.shape[1],), len(memory), device=memory.device))


class Convolutions(nn.Module):
    """Convolutions that make cells of a photo: a side n becomes ⌈n / 8⌉.

    Each is followed by a normalisation over groups of channels of the one photo (Wu & He 2018), so that a photo is read
    alike alone and in any batch, and by relu.

    Args:
        channels: of the photo.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        ins = (channels, *_CHANNELS)
        self.layers = nn.ModuleList(
            Conv2d(i, o, 3, stride=stride, padding=1, bias=False)
            for i, o, stride in zip(ins, _CHANNELS, _STRIDES, strict=False)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(_GROUPS, o) for o in _CHANNELS)

    @staticmethod
    def cells(height: int, width: int) -> tuple[int, int]:
        """Return how many cells a photo has, down and across."""
        for stride in _STRIDES:
            height, width = -(-height // stride), -(-width // stride)
        return height, width

    def forward(self, photos: Tensor) -> Tensor:
        """Turn photos (B, C, H, W) into features of cells (B, 128, ⌈H / 8⌉, ⌈W / 8⌉)."""
        x = photos
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(norm(layer(x).contiguous()))
        return x


class CaptionWriter(AttendingWriter[CaptionModel]):
    """Writes captions of some pictures.

    Args:
        model: in evaluation.
        pictures: (P, C, H, W).
        begin: the number that stands before every caption.
    """

    def __init__(self, model: CaptionModel, pictures: Tensor, begin: int) -> None:
        super().__init__(model, begin)
        self._pictures = pictures

    def read(self) -> DecoderState:
        """Read the pictures."""
        state = self._model.encode(self._pictures)
        self.lengths = state.memory.lengths
        return state
