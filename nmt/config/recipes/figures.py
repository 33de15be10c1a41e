"""The numbers of the recipes, all in one place: change them here when measurements say so.

Most of them change with the amount of text and are given at a few sizes, in words of a side:

    1e5   the demonstration corpus (10,000 pairs): what configs/demo.yaml was tuned to
    3.3e5   Multi30k (29,000 pairs): what configs/multi30k.en-de.yaml was tuned to
    3e6   IWSLT (130,000 pairs): after configs/iwslt15.en-vi.yaml, which had three hours only; a
          longer training than its, with more dropout, has not been measured
    1e7   half a million pairs: Sennrich et al. 2017 (Nematus at WMT), as far as one GPU carries it
    1e8   WMT, millions of pairs: Chen et al. 2018 (RNMT+), on GPUs

Little text wants few subwords, small batches and much dropout, of whole words too (Sennrich and
Zhang 2019, tables 2 and 4); much text wants width and depth and little dropout.
"""

import math
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Curve:
    """A figure by the amount of text.

    points: (words, value), rising in words; between them the value goes with the logarithm of the
    words, beyond them it stays; multiple: what values are rounded to.
    """

    points: tuple[tuple[float, float], ...]
    multiple: float

    def at(self, amount: float) -> float:
        """The value for an amount of text."""
        return _rounded(self._between(amount), self.multiple)

    def whole(self, amount: float) -> int:
        """The value, where it is a whole number."""
        return round(self.at(amount))

    def _between(self, amount: float) -> float:
        points = self.points
        if amount <= points[0][0]:
            return points[0][1]
        for (low, start), (high, end) in pairwise(points):
            if amount < high:
                way = math.log(amount / low) / math.log(high / low)
                return start + way * (end - start)
        return points[-1][1]


def _rounded(value: float, multiple: float) -> float:
    return round(round(value / multiple) * multiple, 10)


VOCABULARY = Curve(((1e5, 3000), (3.3e5, 6000), (3e6, 10_000), (1e7, 16_000), (1e8, 32_000)), 500)
"""Subwords of both sides together; of one side where each has its own, by `OWN_VOCABULARY`."""

OWN_VOCABULARY = 0.7
FEWEST_WORDS_AND_PARTS = 100
"""Subwords beside bytes and single characters, at least."""
MANY_CHARACTERS = 300
"""Of an alphabet with its signs; where there are more, the rarest are left to bytes."""
FREQUENT_WORDS_TAKEN = 0.7
"""No more subwords than so many of the frequent words, and the characters: rarer ones are hardly
seen in training."""

EMBEDDING = Curve(((1e5, 128), (3.3e5, 256), (3e6, 320), (1e7, 512), (1e8, 1024)), 64)
HIDDEN = Curve(((1e5, 256), (3.3e5, 512), (3e6, 640), (1e7, 768), (1e8, 1024)), 64)
ENCODER_SHARE = 0.75
"""Units of each direction of the encoder for each unit of the decoder."""

EMBEDDING_DROPOUT = Curve(((3.3e5, 0.2), (3e6, 0.2), (1e8, 0.1)), 0.05)
DECODER_DROPOUT = Curve(((1e5, 0.25), (3.3e5, 0.2), (1e8, 0.2)), 0.05)
OUTPUT_DROPOUT = Curve(((1e5, 0.35), (3.3e5, 0.3), (3e6, 0.3), (1e8, 0.2)), 0.05)
WORD_DROPOUT = Curve(((1e5, 0.05), (3.3e5, 0.0)), 0.01)
"""Multi30k after 2,000 updates of 1,536 tokens: with dropouts of 0.2 (decoder), 0.3 (output) and 0
(words) a loss of 1.91 on dev, with 0.3, 0.4 and 0.1 one of 2.08."""
BPE_DROPOUT = Curve(((3e6, 0.1), (3e7, 0.05), (1e8, 0.0)), 0.01)
"""Multi30k, dev: with 0.05 a loss of 1.49 and 42.0 BLEU (beam 5, tuned), with 0.1 one of 1.56 and
41.6, without one of 1.56 and 40.9; but test 39.6, 40.5 and 40.0. One seed each tells no more."""
UNIGRAM_ALPHA = 0.2
"""Of subword regularisation over all segmentations (Kudo 2018), where the text has no spaces."""
SAMPLED_FROM = 0.5
"""Share of the updates up to which each word has one segmentation; from there to all of them
BPE-dropout rises to what it is. Multi30k, greedy BLEU of dev with 0.1, with 0.05 and without: after
2,400 of 6,000 updates 37.7, 38.3 and 39.1; after 3,600 39.2, 40.1 and 39.7. A narrow model after
1,800 of 1,800, beam 5: 36.0 with 0.1, 39.1 without."""
LABEL_SMOOTHING = Curve(((1e5, 0.15), (3.3e5, 0.1)), 0.01)

BATCH_TOKENS = Curve(((1e5, 1024), (3.3e5, 1536), (3e6, 4096), (1e7, 6144), (1e8, 16_384)), 256)
EPOCHS = Curve(((1e5, 40), (3.3e5, 17), (3e6, 12), (1e7, 12), (1e8, 8)), 1)
SUBWORDS_PER_WORD = Curve(((3.3e5, 1.35), (1e8, 1.2)), 0.01)
BATCH_FILLED = 0.9
"""Share of a batch's tokens that is not padding."""

LEARNING_RATE = Curve(((1e4, 4e-3), (3e4, 1.3e-3), (1e5, 5e-4)), 1e-4)
"""By updates, not by words: a short training has to take longer steps. Multi30k, decoder of 512,
after 1,200 of 6,000 updates: at 4e-3 34.1 BLEU on dev, at 2e-3 30.8 (its batches more padded)."""
RATE_WIDTH = 512
MOST_FOR_NARROW = 1.5
"""A decoder narrower than RATE_WIDTH bears longer steps, by as much as it is narrower, at most so
many times. Multi30k, a decoder of 384, after 900 of 900 updates: at 5e-3 34.3 BLEU on dev, at 3e-3
31.8. The demonstration corpus, a decoder of 256, after 600: at 4e-3 89.8, at 2e-3 61.9."""
MOST_FOR_WIDE = 4e-3
"""A wider one has at most so much, times the square of RATE_WIDTH by its width: from caution, for
no wide model has been trained for a few thousand updates only."""
WARM_UP = 0.06
FEWEST_WARM_UPDATES = 50
MOST_WARM_UPDATES = 4000

AVERAGED = 0.085
MOST_AVERAGED = 5000
"""Share of the updates, and at most how many, that the moving average of the parameters looks back
over."""
VALIDATIONS = 20
FEWEST_VALIDATIONS = 10
PATIENCE = 10
"""Validations without improvement that end training, of VALIDATIONS."""
VALIDATION_SHARE = 0.1
"""Validations take at most about this share of the training time: they become fewer for it, then
decode a part of dev only."""
CHARACTERS_A_SUBWORD = 4.5
"""Where words are long they have more subwords than SUBWORDS_PER_WORD."""
DECODING_COST = 0.8
LOSS_COST = 0.3
"""What a subword of dev costs, greedily decoded and for the loss, in subwords of an update.
A corpus of 4,000 pairs, updates of 1,024 subwords: 900 sentences of dev took as long as 35 updates;
the demonstration corpus, 1,280 subwords: 500 short ones as long as 2 to 4 updates."""
FEWEST_DECODED = 400
"""Sentences of dev that are decoded at least: fewer tell models badly apart."""

CHRF_BELOW_WORDS = 300_000
"""Words of a side below which chrF chooses the model. With 4,000 pairs BLEU stayed below 0.1 for
half of a training while chrF rose from 14 to 20."""
CHRF_FROM_WORD_LENGTH = 7.0
"""Characters of a word of the target from which on chrF chooses the model: BLEU counts whole words,
which agglutinative languages seldom repeat. English has 4.7, German 6, Finnish 8."""

FEWEST_UPDATES = 200
FULL_STRENGTH = 2 / 3
LEAST_STRENGTH = 0.3
"""Trained for less than the share FULL_STRENGTH of its updates a model has no time to overfit: its
dropouts fall with the share, to LEAST_STRENGTH of what they are."""

BUDGET_FOR_UPDATES = 0.88
"""Share of the time for updates; the rest is for preparing, validations and checkpoints."""

DEV_SHARE = 0.02
DEV_PAIRS = (500, 2000)
MOST_FOR_DEV = 0.1
"""Set aside for validation where no dev is given: a share of train, so many pairs, at most a share
of train. Fewer than some hundred sentences tell models badly apart."""
DEV_LINES_DECODED = 2000

MAX_LENGTH = (100, 400)
LONGER_THAN_USUAL = 1.6
"""Subwords for each word of the longest sentences that are kept."""

REPEATED = 0.02
"""From this share of repetitions on, only the first of equal pairs is kept."""
DROPPED_WITHOUT_WORD = 0.15
"""From this share of blank and repeated pairs on, `data.max_dropped` is raised above them."""
