"""The numbers of the rules. Change them when measurements suggest it.

Most numbers depend on the amount of text. They are given at a few sizes, in words of a side:

    1e5     the demonstration corpus (10,000 pairs), for which configs/demo.yaml was tuned
    3.3e5   Multi30k (29,000 pairs), for which configs/multi30k.en-de.yaml was tuned
    3e6     IWSLT (130,000 pairs), after configs/iwslt15.en-vi.yaml, which had only three hours;
            a longer training with more dropout is not measured
    1e7     half a million pairs: Sennrich et al. 2017 (Nematus at WMT), as far as one GPU allows
    1e8     WMT, millions of pairs: Chen et al. 2018 (RNMT+), on GPUs

Small corpora need few subwords, small batches and much dropout, of whole words too (Sennrich and
Zhang 2019, tables 2 and 4). Large corpora need width and depth and little dropout.
"""

import math
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Curve:
    """A number that depends on the amount of text.

    Attributes:
        points: Pairs of words and value, rising in words. Between two points the value is linear in
            the logarithm of words; beyond the ends it is constant.
        multiple: The multiple that values are rounded to.
    """

    points: tuple[tuple[float, float], ...]
    multiple: float

    def at(self, amount: float) -> float:
        """Return the value for an amount of text."""
        return _round_to_multiple(self._interpolate(amount), self.multiple)

    def integer_at(self, amount: float) -> int:
        """Return the value as an integer."""
        return round(self.at(amount))

    def _interpolate(self, amount: float) -> float:
        points = self.points
        if amount <= points[0][0]:
            return points[0][1]
        for (low, start), (high, end) in pairwise(points):
            if amount < high:
                fraction = math.log(amount / low) / math.log(high / low)
                return start + fraction * (end - start)
        return points[-1][1]


def _round_to_multiple(value: float, multiple: float) -> float:
    return round(round(value / multiple) * multiple, 10)


VOCABULARY = Curve(((1e5, 3000), (3.3e5, 6000), (3e6, 10_000), (1e7, 16_000), (1e8, 32_000)), 500)
"""Subwords of a joint vocabulary."""

SEPARATE_VOCABULARY_FACTOR = 0.7
"""The size of the vocabulary of one side, relative to a joint vocabulary."""
MIN_LEARNED_SUBWORDS = 100
"""The least number of subwords besides bytes and single characters."""
MANY_CHARACTERS = 300
"""The number of distinct characters of a side above which the rarest are encoded as bytes."""
MAX_SHARE_OF_FREQUENT_WORDS = 0.7
"""The greatest number of subwords besides characters, as a share of the frequent words.

Rarer subwords hardly occur in training.
"""

EMBEDDING = Curve(((1e5, 128), (3.3e5, 256), (3e6, 320), (1e7, 512), (1e8, 1024)), 64)
HIDDEN = Curve(((1e5, 256), (3.3e5, 512), (3e6, 640), (1e7, 768), (1e8, 1024)), 64)
ENCODER_SHARE = 0.75
"""Units of each encoder direction per unit of the decoder."""

EMBEDDING_DROPOUT = Curve(((3.3e5, 0.2), (3e6, 0.2), (1e8, 0.1)), 0.05)
DECODER_DROPOUT = Curve(((1e5, 0.25), (3.3e5, 0.2), (1e8, 0.2)), 0.05)
OUTPUT_DROPOUT = Curve(((1e5, 0.35), (3.3e5, 0.3), (3e6, 0.3), (1e8, 0.2)), 0.05)
WORD_DROPOUT = Curve(((1e5, 0.05), (3.3e5, 0.0)), 0.01)
"""The share of words that are dropped whole.

Multi30k, 2,000 updates of 1,536 tokens: dropouts of 0.2 (decoder), 0.3 (output) and 0 (words) gave
a dev loss of 1.91. Dropouts of 0.3, 0.4 and 0.1 gave 2.08.
"""
BPE_DROPOUT = Curve(((3e6, 0.1), (3e7, 0.05), (1e8, 0.0)), 0.01)
"""The probability of skipping a merge in BPE-dropout.

Multi30k, dev loss and BLEU (beam 5, tuned): 1.49 and 42.0 with 0.05, 1.56 and 41.6 with 0.1, 1.56
and 40.9 without. Test BLEU was 39.6, 40.5 and 40.0. With one seed each the difference is not
certain.
"""
UNIGRAM_ALPHA = 0.2
"""The alpha of subword regularization (Kudo 2018), for text without spaces."""
SAMPLING_FROM_SHARE = 0.5
"""The share of the wanted updates up to which BPE-dropout is 0; from there it rises linearly.

Multi30k, greedy BLEU of dev with 0.1, with 0.05 and without: 37.7, 38.3 and 39.1 after 2,400 of
6,000 updates; 39.2, 40.1 and 39.7 after 3,600. A narrow model with beam 5 after 1,800 of 1,800
updates: 36.0 with 0.1, 39.1 without.
"""
LABEL_SMOOTHING = Curve(((1e5, 0.15), (3.3e5, 0.1)), 0.01)

BATCH_TOKENS = Curve(((1e5, 1024), (3.3e5, 1536), (3e6, 4096), (1e7, 6144), (1e8, 16_384)), 256)
EPOCHS = Curve(((1e5, 40), (3.3e5, 17), (3e6, 12), (1e7, 12), (1e8, 8)), 1)
SUBWORDS_PER_WORD = Curve(((3.3e5, 1.35), (1e8, 1.2)), 0.01)
BATCH_FILLED = 0.9
"""The share of a batch's tokens that is not padding."""

LEARNING_RATE = Curve(((1e4, 4e-3), (3e4, 1.3e-3), (1e5, 5e-4)), 1e-4)
"""The learning rate by the number of updates, not words: short training needs larger steps.

Multi30k, decoder of 512, after 1,200 of 6,000 updates: dev BLEU 34.1 with 4e-3, and 30.8 with 2e-3
(whose batches had more padding).
"""
REFERENCE_WIDTH = 512
MAX_NARROW_FACTOR = 1.5
"""The greatest factor of the learning rate for a decoder narrower than REFERENCE_WIDTH.

The factor is the inverse of its relative width. Multi30k, decoder of 384, after 900 of 900 updates:
dev BLEU 34.3 with 5e-3, 31.8 with 3e-3. Demonstration corpus, decoder of 256, after 600: 89.8 with
4e-3, 61.9 with 2e-3.
"""
MAX_WIDE_RATE = 4e-3
"""The greatest learning rate of a wider decoder, times the square of REFERENCE_WIDTH by its width.

It is a cautious choice, because no wide model has been trained for only a few thousand updates.
"""
WARMUP_SHARE = 0.06
MIN_WARMUP_UPDATES = 50
MAX_WARMUP_UPDATES = 4000

AVERAGED_SHARE = 0.085
MAX_AVERAGED = 5000
"""The window of the moving average of parameters: a share of the updates, and a greatest number."""
VALIDATIONS = 20
MIN_VALIDATIONS = 10
PATIENCE = 10
"""The number of validations without improvement that ends training, for VALIDATIONS in all."""
VALIDATION_SHARE = 0.1
"""The approximate greatest share of training time for validations.

Above it there are fewer validations, then each decodes only a part of dev.
"""
CHARACTERS_PER_SUBWORD = 4.5
"""Characters per subword, for languages whose long words have more than SUBWORDS_PER_WORD."""
DECODING_COST = 0.8
LOSS_COST = 0.3
"""The cost of decoding a dev subword and of its loss, in subwords of an update.

A corpus of 4,000 pairs, updates of 1,024 subwords: 900 dev sentences took as long as 35 updates.
The demonstration corpus, 1,280 subwords: 500 short sentences took as long as 2 to 4 updates.
"""
MIN_DECODED = 400
"""The least number of dev sentences to decode. With fewer, models are hard to tell apart."""

CHRF_BELOW_WORDS = 300_000
"""Words of a side below which chrF chooses the model.

With 4,000 pairs BLEU stayed below 0.1 for half of a training run while chrF rose from 14 to 20.
"""
CHRF_FROM_WORD_LENGTH = 7.0
"""Characters per target word from which chrF chooses the model.

BLEU counts whole words, which agglutinative languages seldom repeat. The mean length is 4.7 in
English, 6 in German, 8 in Finnish.
"""

MIN_UPDATES = 200
FULL_STRENGTH_SHARE = 2 / 3
MIN_STRENGTH = 0.3
"""The least factor of all dropouts in a short training, which has no time to overfit.

Below the share FULL_STRENGTH_SHARE of the full updates, the factor falls in proportion.
"""

BUDGET_FOR_UPDATES = 0.88
"""The share of the time for updates. The rest is for preparation, validations and checkpoints."""

DEV_SHARE = 0.02
DEV_PAIRS = (500, 2000)
MAX_DEV_SHARE = 0.1
"""The pairs set aside for validation without a dev text: a share, bounds, and a greatest share.

With fewer than some hundred sentences, models are hard to tell apart.
"""
DEV_LINES_DECODED = 2000

MAX_LENGTH = (100, 400)
MAX_SUBWORDS_PER_WORD = 1.6
"""Subwords per word of the longest sentences that are kept."""

REPEATED_SHARE = 0.02
"""The share of repeated pairs from which only the first of equal pairs is kept."""
RAISED_LIMIT_FROM = 0.15
"""The share of blank and repeated pairs above which the limit `data.max_dropped` is raised."""

FAULTY_SHARE = (0.005, 0.2)
"""The shares of pairs with a fault between which a filter drops them.

Below, the fault does little harm. Above, it is the rule of these texts: a filter would drop too
much, and only a change of the texts helps. Tatoeba (English and French) has at most 0.06%.
"""
WORD_MATCH = 0.9
WORD_MATCH_FROM_PAIRS = 100_000
"""The filter of unrelated pairs in corpora with faults, and the pairs that its lexicon needs.

Tatoeba with 55,000 and 167,000 pairs: 9 of 10 unrelated pairs are found at the cost of 2% and 1%
of the good pairs.
"""
