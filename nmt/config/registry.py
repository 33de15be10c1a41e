"""The registry of every variant that a configuration can name: one line each.

An entry has the name in YAML, the class, which is imported only when it is used, and a summary.
Settings are checked against the tables without importing torch. CONTRIBUTING.md shows how to add a
kind: a class and an entry here.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A variant.

    Attributes:
        target: The class as `module:Class`.
        summary: A description in one line.
        settings: The keys of its section that it has and some other kinds have not.
    """

    target: str
    summary: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registry:
    """The variants of one thing.

    Attributes:
        noun: The name of the thing in messages.
        kinds: The variants by their name in YAML.
    """

    noun: str
    kinds: dict[str, Kind]

    def names(self) -> list[str]:
        """Return the names that a configuration may use, in the order of the table."""
        return list(self.kinds)

    def names_with(self, setting: str) -> list[str]:
        """Return the names of the kinds that have a key which only some kinds have."""
        return [name for name, kind in self.kinds.items() if setting in kind.settings]

    def resolve(self, name: str) -> Any:
        """Import the class of a name.

        Returns:
            The class.
        """
        module, _, attribute = self.kinds[name].target.partition(":")
        return getattr(import_module(module), attribute)


@dataclass(frozen=True)
class TokenizerKind(Kind):
    """A kind of tokenizer.

    Attributes:
        units: The units of its vocabulary, for messages.
    """

    units: str = "subwords"


_LEARNED = ("character_coverage", "byte_fallback", "case")

_TOKENIZERS: dict[str, Kind] = {
    "unigram": TokenizerKind(
        "nmt.tokenizers.subword_tokenizers:SubwordTokenizer",
        "subwords, the most probable segmentation, Kudo 2018",
        (*_LEARNED, "sampling"),
    ),
    "bpe": TokenizerKind(
        "nmt.tokenizers.subword_tokenizers:SubwordTokenizer",
        "subwords, by merging frequent pairs, Sennrich et al. 2016",
        (*_LEARNED, "sampling"),
    ),
    "char": TokenizerKind(
        "nmt.tokenizers.subword_tokenizers:SubwordTokenizer",
        "single characters; a space is one",
        _LEARNED,
        "characters",
    ),
    "word": TokenizerKind(
        "nmt.tokenizers.word_tokenizers:WordTokenizer",
        "words and punctuation marks; a word outside the vocabulary is unknown",
        ("min_frequency", "case"),
        "words",
    ),
}

TOKENIZERS = Registry("tokenizer kind", _TOKENIZERS)


LETTER_CASES = Registry(
    "letter case",
    {
        "keep": Kind("nmt.tokenizers.tokenizer:Tokenizer", "letters as written"),
        "inline": Kind(
            "nmt.tokenizers.inline_case:InlineCaseTokenizer",
            "small letters, and marks that say which words had capitals",
        ),
    },
)


def tokenizer_kind(name: str) -> TokenizerKind:
    """Return the entry of a kind of tokenizer."""
    kind = TOKENIZERS.kinds[name]
    assert isinstance(kind, TokenizerKind)
    return kind


def tokenizer_units(name: str) -> str:
    """Return the units of a kind of tokenizer, such as `bpe subwords` or `words`."""
    units = tokenizer_kind(name).units
    return f"{name} {units}" if units == "subwords" else units


CELLS = Registry(
    "cell",
    {
        "lstm": Kind("nmt.model.cells:LSTM", "Hochreiter and Schmidhuber 1997, with forget gate"),
        "gru": Kind("nmt.model.cells:GRU", "Cho et al. 2014, reset gate after the product"),
        "layer_norm_lstm": Kind(
            "nmt.model.cells:LayerNormLSTM", "LSTM with layer normalization, Ba et al. 2016"
        ),
        "layer_norm_gru": Kind(
            "nmt.model.cells:LayerNormGRU", "GRU with layer normalization, Ba et al. 2016"
        ),
    },
)

ATTENTIONS = Registry(
    "attention kind",
    {
        "none": Kind("nmt.model.attention:NoAttention", "no context, Sutskever et al. 2014"),
        "additive": Kind(
            "nmt.model.attention:AdditiveAttention",
            "v . tanh(W s + U h), Bahdanau et al. 2014, appendix A.1.2",
            ("size", "coverage"),
        ),
        "normalized_additive": Kind(
            "nmt.model.attention:NormalizedAdditiveAttention",
            "g v / |v| . tanh(W s + U h + b), weight-normalized (Salimans and Kingma 2016)",
            ("size", "coverage"),
        ),
        "concat": Kind(
            "nmt.model.attention:ConcatAttention",
            "v . tanh(W [s; h] + b), Luong et al. 2015, section 3.1",
            ("size", "coverage"),
        ),
        "dot": Kind("nmt.model.attention:DotAttention", "s . h, Luong et al. 2015, section 3.1"),
        "scaled_dot": Kind(
            "nmt.model.attention:ScaledDotAttention", "s . h / sqrt(D), Vaswani et al. 2017, eq. 1"
        ),
        "general": Kind(
            "nmt.model.attention:GeneralAttention", "s . W h, Luong et al. 2015, section 3.1"
        ),
        "location": Kind(
            "nmt.model.attention:LocationAttention",
            "row j of W [s; y] + b, independent of the annotations, Luong et al. 2015, eq. 8 "
            "(location)",
        ),
        "multi_head": Kind(
            "nmt.model.attention:MultiHeadAttention",
            "scaled dot in several subspaces, Vaswani et al. 2017, section 3.2.2",
            ("size",),
        ),
    },
)

NORMALIZERS = Registry(
    "normalizer",
    {
        "softmax": Kind("nmt.model.attention_weights:softmax", "all weights above zero"),
        "sparsemax": Kind(
            "nmt.model.attention_weights:sparsemax",
            "Euclidean projection, many weights zero, Martins and Astudillo 2016",
        ),
        "entmax15": Kind(
            "nmt.model.attention_weights:entmax15",
            "between softmax and sparsemax, Peters et al. 2019",
        ),
    },
)

WINDOWS = Registry(
    "attention window",
    {
        "global": Kind("nmt.model.attention_weights:GlobalWindow", "all annotations"),
        "local_m": Kind(
            "nmt.model.attention_weights:MonotonicWindow",
            "weights around position i, Luong et al. 2015, 3.2",
        ),
        "local_p": Kind(
            "nmt.model.attention_weights:PredictiveWindow",
            "weights around a predicted position, with a Gaussian, Luong et al. 2015, eq. 9-10",
        ),
    },
)

DECODER_STARTS = Registry(
    "decoder start",
    {
        "zeros": Kind("nmt.model.decoder_state:ZeroStart", "all states are zero"),
        "copy": Kind(
            "nmt.model.decoder_state:CopyStart", "the encoder's final states, layer by layer"
        ),
        "bridge": Kind(
            "nmt.model.decoder_state:BridgeStart",
            "tanh of a learned linear map of the final states",
        ),
        "linear": Kind(
            "nmt.model.decoder_state:LinearStart", "a learned linear map of the final states"
        ),
        "mean": Kind(
            "nmt.model.decoder_state:MeanStart",
            "tanh of a learned linear map of the mean annotation",
        ),
    },
)


@dataclass(frozen=True)
class OutputKind(Kind):
    """A kind of output layer without a map to features of `output.size`.

    Attributes:
        parts: The vectors that stand side by side in its features: `state`, `context`, `embedding`.
    """

    parts: tuple[str, ...] = ()


_OUTPUTS: dict[str, Kind] = {
    "attentional": Kind(
        "nmt.model.output:AttentionalOutput",
        "tanh(W [context; state]), Luong et al. 2015, eq. 5",
    ),
    "deep": Kind(
        "nmt.model.output:DeepOutput",
        "tanh of state, previous embedding and context, each with its own map",
    ),
    "maxout": Kind(
        "nmt.model.output:MaxoutOutput",
        "maxout over pairs of such sums, Bahdanau et al. 2014, appendix A.2.2",
    ),
    "plain": OutputKind(
        "nmt.model.output:PlainOutput",
        "state and context side by side",
        parts=("state", "context"),
    ),
    "concat": OutputKind(
        "nmt.model.output:ConcatOutput",
        "state, context and previous embedding side by side, as in the textbooks",
        parts=("state", "context", "embedding"),
    ),
}

OUTPUTS = Registry("output layer", _OUTPUTS)


def output_parts(name: str) -> tuple[str, ...]:
    """Return the vectors in the features of an output layer; none where a map makes them."""
    found = OUTPUTS.kinds[name]
    return found.parts if isinstance(found, OutputKind) else ()


OPTIMIZERS = Registry(
    "optimizer",
    {
        "adam": Kind("nmt.training.optimizers:adam", "Kingma and Ba 2015"),
        "adamw": Kind("nmt.training.optimizers:adamw", "Adam with decoupled weight decay"),
        "sgd": Kind("nmt.training.optimizers:sgd", "stochastic gradient descent, with momentum"),
        "adadelta": Kind("nmt.training.optimizers:adadelta", "Zeiler 2012"),
        "rmsprop": Kind("nmt.training.optimizers:rmsprop", "Tieleman and Hinton 2012"),
    },
)

SCHEDULES = Registry(
    "learning-rate schedule",
    {
        "constant": Kind("nmt.training.schedules:Constant", "the same rate after the warm-up"),
        "inverse_sqrt": Kind(
            "nmt.training.schedules:InverseSquareRoot", "falls as 1/sqrt(update) after the warm-up"
        ),
        "cosine": Kind(
            "nmt.training.schedules:Cosine",
            "half a cosine from the warm-up to max_updates or max_epochs; without them constant",
        ),
        "plateau": Kind(
            "nmt.training.schedules:Plateau",
            "multiplied by `factor` after `patience` validations without improvement",
        ),
        "halving": Kind(
            "nmt.training.schedules:Halving",
            "multiplied by `factor` at `start_update` and every `every_updates` after it",
        ),
    },
)

ALIGNERS = Registry(
    "aligner",
    {
        "ibm1": Kind("nmt.alignment.aligners:Ibm1Aligner", "IBM Model 1, Brown et al. 1993"),
        "hmm": Kind(
            "nmt.alignment.aligners:HmmAligner",
            "hidden Markov model of the jumps, Vogel et al. 1996",
        ),
    },
)

GUIDANCE_COSTS = Registry(
    "cost of guided alignment",
    {
        "cross_entropy": Kind(
            "nmt.model.loss:guided_cross_entropy", "- sum g log a, Chen et al. 2016"
        ),
        "mse": Kind("nmt.model.loss:guided_squared_error", "sum (g - a)^2, Chen et al. 2016"),
    },
)

LENGTH_PENALTIES = Registry(
    "length penalty",
    {
        "gnmt": Kind("nmt.search.penalties:GNMT", "((5 + length) / 6) ^ alpha, Wu et al. 2016"),
        "average": Kind("nmt.search.penalties:AverageLogProbability", "length ^ alpha"),
        "word_reward": Kind("nmt.search.penalties:WordReward", "adds alpha for each token"),
        "none": Kind("nmt.search.penalties:NoPenalty", "the plain log-probability"),
    },
)

UTILITIES = Registry(
    "utility",
    {
        "none": Kind("nmt.search.minimum_risk:NO_UTILITY", "no MBR, the best score wins"),
        "chrf": Kind("nmt.search.minimum_risk:ChrF", "chrF, Popovic 2015"),
        "bleu": Kind("nmt.search.minimum_risk:Bleu", "smoothed sentence BLEU"),
    },
)

_TRANSLATION_METRICS = {
    "bleu": Kind("nmt.evaluation.metrics:BLEU", "n-grams of words, Papineni et al. 2002"),
    "chrf": Kind("nmt.evaluation.metrics:CHRF", "n-grams of characters, Popović 2015"),
    "chrf++": Kind(
        "nmt.evaluation.metrics:CHRF_PLUS_PLUS", "n-grams of characters and words, Popović 2017"
    ),
}

DEV_METRICS = Registry(
    "metric",
    {
        "loss": Kind("nmt.evaluation.metrics:LOSS", "cross-entropy in nats per token"),
        "perplexity": Kind("nmt.evaluation.metrics:PERPLEXITY", "e to the power of the loss"),
        **_TRANSLATION_METRICS,
    },
)
"""The metrics of a validation."""

TUNING_METRICS = Registry("metric", _TRANSLATION_METRICS)
"""The metrics for choosing search settings."""

SCORE_METRICS = Registry(
    "metric",
    {
        **_TRANSLATION_METRICS,
        "ter": Kind("nmt.evaluation.metrics:TER", "edits per word, Snover et al. 2006"),
    },
)
"""The metrics for comparing translations with references."""

COMBINATIONS = Registry(
    "combination",
    {
        "log_linear": Kind(
            "nmt.search.ensemble:log_linear", "weighted mean of log-probabilities, renormalized"
        ),
        "linear": Kind("nmt.search.ensemble:linear", "weighted mean of probabilities"),
    },
)

FILTERS = Registry(
    "filter",
    {
        "beyond max_pairs": Kind(
            "nmt.data.pair_filters:BeyondMaxPairs",
            "the pair comes after the first `max_pairs`",
            ("max_pairs",),
        ),
        "other beginning": Kind(
            "nmt.data.pair_filters:OtherBeginning",
            "the target starts with none of `target_prefixes`",
            ("target_prefixes",),
        ),
        "both sides empty": Kind("nmt.data.pair_filters:BothEmpty", "neither side has a token"),
        "source empty": Kind("nmt.data.pair_filters:SourceEmpty", "the source has no token"),
        "target empty": Kind("nmt.data.pair_filters:TargetEmpty", "the target has no token"),
        "too long": Kind(
            "nmt.data.pair_filters:TooLong",
            "a side has more tokens than `max_length`",
            ("max_length",),
        ),
        "length ratio": Kind(
            "nmt.data.pair_filters:UnequalLengths",
            "a side is more than `max_length_ratio` times as long as the other, in tokens",
            ("max_length_ratio",),
        ),
        "identical sides": Kind(
            "nmt.data.text_filters:IdenticalSides",
            "both sides have the same letters",
            ("drop_identical",),
        ),
        "marks of a tool": Kind(
            "nmt.data.text_filters:ToolMarks",
            "a side has marks of another tool, such as &apos; and @@",
            ("drop_tool_marks",),
        ),
        "other script": Kind(
            "nmt.data.text_filters:OtherScript",
            "too few letters of a side are in the main scripts of that side of train",
            ("min_script_share",),
        ),
        "other language": Kind(
            "nmt.data.language_filter:OtherLanguage",
            "a side is in another language (py3langid)",
            ("drop_other_languages",),
        ),
        "other end": Kind(
            "nmt.data.text_filters:OtherEnd",
            "only one side ends with a full stop or the like",
            ("drop_different_ends",),
        ),
        "other numbers": Kind(
            "nmt.data.text_filters:OtherNumbers",
            "one side has a number that the other has not",
            ("drop_different_numbers",),
        ),
        "other addresses": Kind(
            "nmt.data.text_filters:OtherAddresses",
            "one side has a web or e-mail address that the other has not",
            ("drop_different_addresses",),
        ),
        "unrelated words": Kind(
            "nmt.alignment.word_match:UnrelatedWords",
            "the words fit each other (IBM Model 1) like those of randomly paired lines",
            ("min_word_match",),
        ),
        "also in dev": Kind(
            "nmt.data.pair_filters:AlsoInDev",
            "the same pair is in dev",
            ("exclude_overlap", "dev"),
        ),
        "also in test": Kind(
            "nmt.data.pair_filters:AlsoInTest",
            "the same pair is in test",
            ("exclude_overlap", "test"),
        ),
        "duplicate": Kind(
            "nmt.data.pair_filters:Duplicate",
            "the same pair occurs earlier",
            ("drop_duplicates",),
        ),
        "near duplicate": Kind(
            "nmt.data.text_filters:NearDuplicate",
            "a pair with the same letters comes before it",
            ("drop_near_duplicates",),
        ),
    },
)
"""The filters of train pairs by their reason in the drop table, in the order in which they apply.

A filter is on where none of its `settings`, keys of `data`, is false, zero, empty or null.
"""

PAIR_FORMATS = Registry(
    "format",
    {
        "tsv": Kind("nmt.data.pair_files:TsvReader", "a table with tabs between the columns"),
        "csv": Kind(
            "nmt.data.pair_files:CsvReader",
            "a table with commas or semicolons between the columns, and quotation marks",
        ),
        "jsonl": Kind("nmt.data.pair_files:JsonLinesReader", "a JSON object in each line"),
        "tmx": Kind("nmt.data.xml_pairs:TmxReader", "a translation memory (TMX)"),
        "xliff": Kind("nmt.data.xml_pairs:XliffReader", "a localisation file (XLIFF 1.2 or 2)"),
    },
)
