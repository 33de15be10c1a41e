"""Configurations that cannot be read, or ask for what cannot be."""

import damage
from stage import Case, case

_RIGHT = """\
data: {train: {source: train.fr, target: train.en}, validation_split: 0.1}
training: {max_updates: 9}
"""


def _file(wrong: str, content: bytes, *says: str, **more: bool) -> Case:
    return case(wrong, "config show c.yaml", 2, *says, files={"c.yaml": content}, **more)


def _text(wrong: str, text: str, *says: str, **more: bool) -> Case:
    return _file(wrong, (_RIGHT + text).encode(), *says, **more)


def _set(override: str, *says: str, **more: bool) -> Case:
    key, _, value = override.partition("=")
    command = f"config show tiny.yaml --set '{override}'"
    return case(f"{key} is {value or 'nothing'}", command, 2, *says, **more)


FILES = [
    case("config missing", "config show none.yaml", 2, "none.yaml: no such file"),
    case("config missing, for train", "train none.yaml", 2, "none.yaml: no such file"),
    case("config missing, for tokenizer", "tokenizer none.yaml", 2, "no such file"),
    case("config missing, for binarize", "binarize none.yaml", 2, "no such file"),
    case("config missing, for shortlist", "shortlist none.yaml", 2, "no such file"),
    case("config is a folder", "config show runs", 2, "runs: is a folder"),
    case("config below a file", "config show tiny.yaml/c.yaml", 2, "Not a directory"),
    case("config's name too long", f"config show {'c' * 300}.yaml", 2, "File name too long"),
    case(
        "config is a link to itself",
        "config show c.yaml",
        2,
        "c.yaml: cannot be read",
        files={"c.yaml": damage.link_to("c.yaml")},
    ),
    _file("empty", b"", "c.yaml: is empty", "nmt config default"),
    _file("only comments", b"# nothing\n", "c.yaml: is empty"),
    _file("only a byte-order mark", b"\xef\xbb\xbf", "c.yaml: is empty"),
    _file("not UTF-8", b"name: caf\xe9\n", "c.yaml:1:10: not valid UTF-8 (byte 0xE9)"),
    _file("UTF-16", "name: x\n".encode("utf-16"), "c.yaml:1:1: not valid UTF-8 (byte 0xFF)"),
    _file("a NUL character", b"name: a\0b\n", "c.yaml:1:8: the character U+0000"),
    _file("a picture", b"\x89PNG\r\n\x1a\n\0\0\0", "c.yaml:1:1: not valid UTF-8"),
    _file("larger than 1 MiB", b"# x\n" * 300_000, "larger than 1 MiB"),
    _file("indented with a tab", b"data:\n\ttrain: x\n", "c.yaml:2:1: tab character"),
    _file("`: ` inside a value", b"name: a: b\n", "c.yaml:1:8: unexpected `: `"),
    _file("a key without a colon", b"name x\nseed: 1\n", "c.yaml:"),
    _file("a quote not closed", b"name: 'x\n", "c.yaml:1:7: missing closing quote"),
    _file("a list not closed", b"data: [a, b\n", "c.yaml:1:7: missing comma or closing ]"),
    _file("a section not closed", b"data: {a: b\n", "c.yaml:1:7: missing comma or closing }"),
    _file("top level a list", b"- a\n- b\n", "c.yaml:1:1: expected keys", "found a list"),
    _file("top level a word", b"hello\n", "c.yaml:1:1: expected keys", "found a single value"),
    _file("two documents", b"seed: 1\n---\nseed: 2\n", "c.yaml:2:1: second document"),
    _file("a tag that makes objects", b"name: !!python/object:os.system x\n", "1:7: tags (!)"),
    _file("a tag at the top", b"!!map {a: b}\n", "c.yaml:1:1: tags (!)"),
    _file(
        "aliases that grow without end",
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "c.yaml:1:4: anchors and aliases",
    ),
    _file("a merge key", b"a: &x {b: 1}\n<<: *x\n", "anchors and aliases"),
    _file("nested too deeply", b"a: " + b"[" * 500 + b"]" * 500, "nested too deeply"),
    _file("keys nested too deeply", b"? " * 500 + b"a", "nested too deeply"),
    _file("a list as a key", _RIGHT.encode() + b"[a, b]: 1\n", "c.yaml:3:1:", "a key must be"),
]

KEYS = [
    _text("an unknown key", "sed: 1\n", "c.yaml:3:1: sed: unknown key; did you mean seed?"),
    _text("an unknown key, far from all", "xyzzy: 1\n", "unknown key; known keys: "),
    _text(
        "a key in the wrong section",
        "beam_size: 3\n",
        "c.yaml:3:1: beam_size: unknown key; it belongs in one of",
        "search",
    ),
    _text("a key written with dots", "search.beam_size: 3\n", "write it as nested keys"),
    _text("a key given twice", "seed: 1\nseed: 2\n", "c.yaml:4:1: seed: duplicate key"),
    _text("a word for a number", "seed: many\n", "c.yaml:3:1: seed: expected"),
    _text("a quoted number", "seed: '1'\n", "seed: expected"),
    _text("a section given twice", "training: {max_epochs: 1}\n", "training: duplicate key"),
    _text("a number beyond 400 digits", f"seed: {'9' * 500}\n", "seed: expected"),
    _text("a list for a section", "search: [1, 2]\n", "search: expected"),
    _text("a section for a number", "seed: {a: 1}\n", "seed: expected"),
    _text("a key without its value", "seed:\n", "seed: expected"),
    _text(
        "five problems at once",
        "seed: x\nsearch: {beam_size: 0, alpah: 1}\nruntime: {threads: -1}\nfoo: 1\n",
        "5 problems in c.yaml:",
        "seed",
        "search.beam_size",
        "did you mean alpha?",
        "runtime.threads",
        "foo",
        long=True,
    ),
    _file("data missing", b"training: {max_updates: 1}\n", "data: missing"),
    _file(
        "nothing to validate on",
        b"data: {train: {source: a, target: b}}\ntraining: {max_updates: 1}\n",
        "c.yaml:1:1: data: needs `dev`, or a `validation_split`",
    ),
    _file(
        "a blank path",
        b"data: {train: {source: ' ', target: b}, validation_split: 0.1}\n"
        b"training: {max_updates: 1}\n",
        "data.train.source",
        "is not a path",
    ),
]

VALUES = [
    _set("training.optimizer.learning_rate=-1e-4", "training.optimizer.learning_rate"),
    _set("training.optimizer.learning_rate=.nan", "learning_rate: expected", "nan"),
    _set("training.optimizer.learning_rate=.inf", "learning_rate: expected"),
    _set("training.tensorboard=no", "true or false"),
    _set('training.tensorboard="true"', "true or false", "without quotes"),
    _set("training.tensorboard=1", "true or false"),
    _set("training.label_smoothing=1", "training.label_smoothing"),
    _set("training.batch_size=0", "training.batch_size"),
    _set("training.batch_size=1.5", "training.batch_size"),
    _set("training.max_updates=-1", "training.max_updates"),
    _set("training.max_updates=1_000", "training.max_updates"),
    _set("training.max_time=soon", "training.max_time"),
    _set("training.clip_norm=-1", "training.clip_norm"),
    _set("training.schedule.kind=linear", "training.schedule.kind"),
    _set("training.optimizer.kind=adamm", "adam"),
    _set("training.checkpoint.keep_best_of=[chrf]", "no longer exists"),
    _set("training.metric=meteor", "training.metric"),
    _set("training.guided_alignment.aligner=giza", "guided_alignment.aligner", "ibm1"),
    _set("training.guided_alignment.weight=0", "guided_alignment.weight"),
    _set(
        "training.guided_alignment={aligner: hmm, alignments: a}",
        "has both `alignments` and `aligner`: remove one of them",
    ),
    _set(
        "training.guided_alignment.alignments=[a, b]",
        "`training.guided_alignment.alignments` has 2 files",
    ),
    _set(
        "training.pretrained_embeddings={source: a.vec, target: b.vec}",
        "`model.tying: all` uses one embedding for both: give one file",
    ),
    _set(
        "training.pretrained_embeddings={source: a.vec, freeze: true}",
        "`training.pretrained_embeddings.freeze` would freeze all parameters that `model.tying: "
        "all` ties",
    ),
    _set("model.attention.kind=bahdanau", "model.attention.kind", "additive"),
    _set("model.encoder.hidden_size=0", "model.encoder.hidden_size"),
    _set("model.encoder.layers=two", "model.encoder.layers: expected"),
    _set("model.encoder.cell=rnn", "model.encoder.cell"),
    _set("model.decoder.dropout=1.0", "model.decoder.dropout"),
    _set("model.encoder.layers=100000000", "model.encoder.layers"),
    _set("model.decoder.hidden_size=1000000000", "model.decoder.hidden_size", "<= 1000000"),
    _set("search.beam_size=1000000000000", "search.beam_size", "<= 1000000"),
    _set("preset=luong", "preset"),
    _set("tokenizer.kind=wordpiece", "tokenizer.kind", "unigram"),
    _set("tokenizer.min_frequency=2", "`tokenizer.min_frequency` is for kind word, not for"),
    case(
        "subwords drawn of words",
        "config show tiny.yaml --set tokenizer.kind=word --set tokenizer.sampling.alpha=0.1",
        2,
        "`tokenizer.sampling.alpha` is for kind unigram or bpe, not for `tokenizer.kind: word`",
    ),
    case(
        "subwords drawn of characters",
        "config show tiny.yaml --set tokenizer.kind=char --set tokenizer.sampling.alpha=0.1",
        2,
        "`tokenizer.sampling.alpha` is for kind unigram or bpe, not for `tokenizer.kind: char`",
    ),
    case(
        "bytes for words",
        "config show tiny.yaml --set tokenizer.kind=word --set tokenizer.byte_fallback=false",
        2,
        "`tokenizer.byte_fallback` is for kind unigram or bpe or char",
    ),
    _set("tokenizer.min_frequency=0", "tokenizer.min_frequency: expected"),
    _set("tokenizer.model=3", "tokenizer.model: expected a path or a list of paths"),
    _set(
        "tokenizer.model=x.model",
        "`tokenizer.model` sets these values: remove `tokenizer.vocab_size`",
    ),
    _set(
        "tokenizer={model: [a.model, b.model]}",
        "`tokenizer.joint: true` needs one `tokenizer.model`",
    ),
    _set(
        "tokenizer={model: a.model, joint: false}",
        "`tokenizer.joint: false` needs two files in `tokenizer.model`: source and target",
    ),
    case(
        "two tokenizers to take over",
        "config show tiny.yaml --set 'tokenizer={model: x.model}' "
        "--set training.init_from=runs/tiny",
        2,
        "`training.init_from` has its own tokenizer: remove `tokenizer.model`",
    ),
    _set("tokenizer.character_coverage=0", "tokenizer.character_coverage"),
    _set("tokenizer.character_coverage=1.5", "tokenizer.character_coverage"),
    _set("tokenizer.vocab_size=4", "tokenizer.vocab_size"),
    _set("tokenizer.user_symbols=[<a>, <a>]", "tokenizer.user_symbols: has '<a>' twice"),
    _set("tokenizer.user_symbols=[</s>]", "'</s>', a reserved subword"),
    _set("tokenizer.user_symbols=[a b]", "tokenizer.user_symbols"),
    _set("tokenizer.sampling.n_best=0", "tokenizer.sampling.n_best"),
    _set("data.max_dropped=20%", "data.max_dropped: expected"),
    _set("data.on_bad_utf8=ignore", "data.on_bad_utf8", "skip_pair"),
    _set("data.validation_split=0.5", "has both `dev` and `validation_split`"),
    _set("data.train.source=[a, b]", "2 source files and 1 target files"),
    _set("search.beam_size=0", "search.beam_size"),
    _set("search.n_best=9", "`n_best` (9) cannot exceed `beam_size` (5)"),
    _set("search.top_p=1.5", "search.top_p"),
    _set("search.temperature=0.5", "`temperature` has an effect only on sampling"),
    _set("search.groups=2", "`groups` (2) must divide `beam_size` (5)"),
    _set("search.alpha=.nan", "search.alpha: expected"),
    _set("runtime.device=gpu", "runtime.device", "cuda:N"),
    _set("runtime.precision=double", "runtime.precision", "bfloat16"),
    _set("runtime.threads=-1", "runtime.threads"),
    _set("seed=-1", "seed"),
    _set("training.max_update=3", "did you mean max_updates?"),
    _set("training", "expected KEY=VALUE"),
    _set("=3", "expected KEY=VALUE"),
    _set("training..max_updates=3", "expected KEY=VALUE"),
    _set("seed=[1", "--set seed"),
    _set("training.max_updates=+500", "training.max_updates: expected", "got +500; write 500"),
    _set("seed=!!int 3", "tags (!)"),
    case(
        "training without an end",
        "config show tiny.yaml --set training.max_updates=null",
        2,
        "has no end",
    ),
    case("a key to explain that is none", "config explain training.foo", 2, "training.foo"),
    case("a second file to compare missing", "config diff tiny.yaml none.yaml", 2, "none.yaml"),
    case(
        "a folder to compare without a config", "config diff tiny.yaml runs", 2, "runs/config.yaml"
    ),
]

COMMAND_LINES = [
    case("no such command", "trian tiny.yaml", 2, "No such command 'trian'"),
    case("no such topic", "help trainin", 2, "no such topic, command", "Similar names: train"),
    case("no such option", "train tiny.yaml --restrat", 2, "No such option"),
    case("an option that is a key", "train tiny.yaml --epochs 3", 2, "training.max_epochs=VALUE"),
    case("config not named", "train", 2, "Missing argument 'CONFIG'"),
    case("too many arguments", "train tiny.yaml again.yaml", 2, "Unexpected argument"),
    case("an option without its value", "train tiny.yaml --set", 2, "requires an argument"),
    case("a device that is none", "train tiny.yaml --device gpu", 2, "'gpu' is not a device"),
    case("a precision that is none", "train tiny.yaml --precision half", 2, "bfloat16"),
    case("threads below none", "translate --threads -1", 2, "--threads"),
]
