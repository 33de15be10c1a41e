"""A plain translator, with which the training benchmark compares.

A bidirectional LSTM reads a packed sequence. An LSTM cell is called at each target token, with
additive attention by plain operations. All logits are computed at once, followed by torch's own
cross-entropy. Differentiation is automatic throughout. The equations and sizes are those of
`nmt.model.Seq2Seq` with additive attention and input feeding.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmt.config.settings import ModelSettings


class PlainModel(nn.Module):
    """Translator with one LSTM layer on each side, additive attention and input feeding.

    Args:
        settings: Settings of such a model, without dropout.
        vocabulary: The number of subwords, on either side.
    """

    def __init__(self, settings: ModelSettings, vocabulary: int) -> None:
        super().__init__()
        embedding, annotation = settings.embedding_size, settings.encoder.annotation_size
        hidden, feature = settings.decoder.hidden_size, settings.feature_size
        self.source_embedding = nn.Embedding(vocabulary, embedding)
        self.target_embedding = nn.Embedding(vocabulary, embedding)
        self.encoder = nn.LSTM(
            embedding, settings.encoder.hidden_size, batch_first=True, bidirectional=True
        )
        self.bridge = nn.Linear(annotation, hidden)
        self.memory_bridge = nn.Linear(annotation, hidden)
        self.decoder = nn.LSTMCell(embedding + feature, hidden)
        self.query_map = nn.Linear(hidden, hidden, bias=False)
        self.key_map = nn.Linear(annotation, hidden, bias=False)
        self.energy = nn.Linear(hidden, 1, bias=False)
        self.feature_map = nn.Linear(annotation + hidden, feature)
        self.output = nn.Linear(feature, vocabulary)

    def loss(
        self, source: Tensor, lengths: Tensor, target_input: Tensor, target_output: Tensor
    ) -> Tensor:
        """Return the mean label-smoothed cross-entropy of a batch.

        Args:
            source: The source subwords, `[batch, source_len]`.
            lengths: The source lengths, `[batch]`.
            target_input: The target subwords, shifted by one, `[batch, target_len]`.
            target_output: The target subwords with the end mark, `[batch, target_len]`.
        """
        packed = pack_padded_sequence(
            self.source_embedding(source), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        encoded, (last, memory) = self.encoder(packed)
        annotations, _ = pad_packed_sequence(encoded, batch_first=True)
        mask = torch.arange(source.shape[1], device=source.device) < lengths.unsqueeze(1)
        hidden = torch.tanh(self.bridge(torch.cat((last[0], last[1]), 1)))
        cell = torch.tanh(self.memory_bridge(torch.cat((memory[0], memory[1]), 1)))
        features = hidden.new_zeros(len(source), self.feature_map.out_features)
        embedded, keys = self.target_embedding(target_input), self.key_map(annotations)
        logits = []
        for step in range(target_input.shape[1]):
            inputs = torch.cat((embedded[:, step], features), 1)
            hidden, cell = self.decoder(inputs, (hidden, cell))
            query = self.query_map(hidden).unsqueeze(1)
            scores = self.energy(torch.tanh(query + keys)).squeeze(2)
            weights = torch.softmax(scores.masked_fill(~mask, float("-inf")), 1)
            context = (weights.unsqueeze(2) * annotations).sum(1)
            features = torch.tanh(self.feature_map(torch.cat((context, hidden), 1)))
            logits.append(self.output(features))
        return nn.functional.cross_entropy(
            torch.stack(logits, 1).flatten(0, 1),
            target_output.flatten(),
            ignore_index=0,
            label_smoothing=0.1,
        )
