"""Word vectors."""

from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.dropout import Dropout, WordDropout


class Embedding(nn.Embedding):
    """Word vectors, with dropout of whole words and of vectors: `[batch, length] -> [batch, length,
    embedding]`.
    """

    def __init__(self, vocabulary: int, settings: ModelSettings, word_dropout: float) -> None:
        super().__init__(vocabulary, settings.embedding_size)
        self.word_dropout = WordDropout(word_dropout)
        self.dropout = Dropout(settings.embedding_dropout, settings.variational_dropout)

    def reset_parameters(self) -> None:
        """Draw the vectors, unless the embedding is on the meta device, where nothing has values.

        To draw there, torch imports its compiler, which takes more than a second.
        """
        if not self.weight.is_meta:
            super().reset_parameters()

    def mask(self, input: Tensor) -> Tensor | None:
        """See `Dropout.mask`, for the sentences `[batch, length]` of token ids."""
        return self.dropout.mask(self.weight.new_empty(len(input), 0), self.embedding_dim)

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """The vectors of token ids; mask: from `mask`, for a part of the sentences' steps."""
        embedded: Tensor = self.dropout(self.word_dropout(super().forward(input)), mask)
        return embedded
