"""Checks of a run's texts, tokenizer and corpora. Missing ones are made of a sample.

Missing tokenizers and corpora are made from a sample, in the temporary folder.
"""

from collections.abc import Callable

import numpy as np

from nmt.console import quietly
from nmt.data.manifest import count_pairs
from nmt.data.pair_counts import describe_round_trip
from nmt.data.tokenizer_preparation import find_tokenizers, prepare_tokenizers
from nmt.doctor.corpus_sample import CorpusSample, take_sample
from nmt.doctor.examination import Check, Examination, Remark
from nmt.evaluation.input_checks import count_four_grams, unspaced_text_warning
from nmt.evaluation.scores import bleu_tokenizer
from nmt.runtime.distributed import World
from nmt.runtime.run_directory import RunDirectory
from nmt.text.profile import TOOL_MARKS
from nmt.tokenizers.normalization import normalization_advice
from nmt.training.checkpoints import load_state, newest_checkpoint
from nmt.training.data_preparation import PreparedData, find_corpora, prepare_corpora
from nmt.training.resume_checks import check_corpora, check_settings, check_tokenizer

_ALIKE = 0.3
"""The lengths of true translations correlate far more closely than this."""

_FEW = 100

_MARKS = frozenset(mark.name for mark in TOOL_MARKS)


def _run(examination: Examination) -> Remark:
    run = examination.run
    checkpoint = newest_checkpoint(run.checkpoints)
    state = examination.state = None if checkpoint is None else load_state(checkpoint)
    if state is None:
        return Remark(f"{run.path}: {'has no checkpoint' if run.path.exists() else 'new'}")
    check_settings(run, examination.config, World.from_environment(), state, resume=False)
    facts = {"update": state.update, "ended": state.ended}
    if state.ended is not None:
        found = f"{run.path}: training has ended ({state.ended})"
        return Remark(found, "raise that end and give --resume, or begin anew by --restart", facts)
    return Remark(f"{run.path}: goes on from update {state.update:,}", facts=facts)


def _text(examination: Examination) -> Remark:
    config, run = examination.config, examination.run
    examination.sample = examination.data = None
    examination.tokenizers = find_tokenizers(config, run)
    if examination.tokenizers is not None:
        examination.data = find_corpora(config, run, examination.tokenizers)
    if examination.state is not None:
        _check_unchanged(examination)
    if examination.data is not None:
        inputs = examination.data.manifest.inputs
        lines = {
            name: count_pairs(inputs, name)
            for name in ("train", "dev", "test")
            if f"{name}.source" in inputs
        }
        return Remark(f"{_counts(lines)}, as they were binarized", facts={"lines": lines})
    sample = examination.sample = take_sample(config, examination.folder)
    looked_at = "" if sample.read == sample.lines["train"] else f" (looked at: {sample.read:,})"
    found = f"{_counts(sample.lines)}, as many on either side; train is readable{looked_at}"
    return Remark(found, facts={"lines": sample.lines, "read": sample.read})


def _check_unchanged(examination: Examination) -> None:
    """Raise DataError where the run cannot be resumed with the present tokenizer or data."""
    state, run, tokenizers = examination.state, examination.run, examination.tokenizers
    assert state is not None
    if tokenizers is not None:
        check_tokenizer(run, state, tokenizers)
    if examination.data is not None:
        check_corpora(run, state, examination.data)


def _counts(lines: dict[str, int]) -> str:
    return "lines of " + ", ".join(f"{name} {count:,}" for name, count in lines.items())


def _tokenizer(examination: Examination) -> Remark:
    made = examination.tokenizers is None
    if made:
        sample, run = _sample_of(examination), _temporary_run(examination)
        with quietly():
            examination.tokenizers = prepare_tokenizers(sample.config, run, texts_checked=True)
    tokenizers = examination.tokenizers
    assert tokenizers is not None
    sizes = (
        [tokenizers.source.size]
        if tokenizers.joint
        else [
            tokenizers.source.size,
            tokenizers.target.size,
        ]
    )
    found = f"{' and '.join(f'{size:,}' for size in sizes)} {tokenizers.source.units}"
    found += ", joint" if tokenizers.joint else ""
    found += f", not trained yet: made of {_what(examination)}" if made else ""
    return Remark(found, facts={"sizes": sizes, "trained": not made})


def _data(examination: Examination) -> Remark:
    made = examination.data is None
    if made:
        assert examination.tokenizers is not None
        sample, run = _sample_of(examination), _temporary_run(examination)
        with quietly():
            examination.data = prepare_corpora(
                sample.config, run, examination.tokenizers, checked=True
            )
    train, dev = _made(examination).manifest.train, _made(examination).manifest.dev
    found = f"{train.pairs_kept:,} of {train.pairs_read:,} train pairs kept"
    reasons = [f"{reason} {count:,}" for reason, count in train.dropped.items() if count]
    found += f" (dropped: {', '.join(reasons)})" if reasons else ""
    found += f", {dev.pairs_kept:,} of dev"
    found += f"; not binarized yet: made of {_what(examination)}" if made else ""
    facts = {"train_pairs": train.pairs_kept, "dev_pairs": dev.pairs_kept, "binarized": not made}
    return Remark(found, facts=facts)


def _unknown(examination: Examination) -> Remark:
    manifest = _made(examination).manifest
    rates = {
        f"{name} {side}": getattr(report, side).unknown_rate
        for name, report in (("train", manifest.train), ("dev", manifest.dev))
        for side in ("source", "target")
    }
    worst = max(rates, key=lambda name: rates[name])
    found = f"at most {100 * rates[worst]:.2f}% of the tokens ({worst}) are unknown"
    return Remark(found if rates[worst] else "no token is unknown", facts={"unknown": rates})


def _writable(examination: Examination) -> Remark:
    """Count the target lines that encoding and decoding changes, which no model can write."""
    manifest = _made(examination).manifest
    reports = {"train": manifest.train.round_trip, "dev": manifest.dev.round_trip}
    told = [
        f"{name}: {describe_round_trip(found)}"
        for name, found in reports.items()
        if found is not None and found.changed
    ]
    facts = {
        f"{name}_unwritable": None if found is None else found.changed
        for name, found in reports.items()
    }
    if told:
        changes = [each for found in reports.values() if found for each in found.changes]
        advice = normalization_advice(examination.config.tokenizer, changes)
        mend = advice or "write these characters in the texts as the model writes them"
        return Remark("; ".join(told), mend, facts)
    found = reports["train"]
    if found is None:
        return Remark("not counted when the texts were binarized", facts=facts)
    return Remark(f"{found.lines:,} target lines compared come back from subwords", facts=facts)


def _lengths(examination: Examination) -> Remark:
    """Check the correlation of source and target lengths, which misaligned lines lack."""
    data = _made(examination)
    sides = data.train.source_lengths, data.train.target_lengths
    ratio = data.manifest.length_ratio
    found = f"source {sides[0].mean():.1f} tokens (at most {sides[0].max()}), "
    found += f"target {sides[1].mean():.1f} (at most {sides[1].max()}), "
    found += f"ratio {ratio.mean:.2f} ± {ratio.deviation:.2f}"
    if len(data.train) < _FEW or not (sides[0].std() and sides[1].std()):
        return Remark(found)
    alike = float(np.corrcoef(*sides)[0, 1])
    found += f", correlation {alike:.2f}"
    mend = "" if alike >= _ALIKE else "see whether line i of both sides translate each other"
    return Remark(found, mend, {"correlation": alike, "ratio": ratio.mean})


def _scores(examination: Examination) -> Remark:
    """Report the tokenizer of BLEU, and check that dev has the n-grams that BLEU counts."""
    config, notes = examination.config, list[str]()
    tokenizer = bleu_tokenizer(config.data.target_language, notes.append)
    most = config.training.validation.max_sentences
    references = _made(examination).dev_target[:most]
    four_grams = count_four_grams([references], tokenizer)
    name = tokenizer or "13a"
    found = f"BLEU by the tokenizer {name}; of dev {four_grams.summary}"
    mend = " ".join(note.rstrip(".") for note in notes)
    if warning := unspaced_text_warning(references, tokenizer):
        mend = warning.rstrip(".")
    elif four_grams.few and config.training.metric == "bleu":
        mend = "set `training.metric: chrf`: BLEU counts stretches of four"
    return Remark(found, mend, {"tokenizer": name, "long_references": four_grams.long_references})


def _marks(examination: Examination) -> Remark:
    """Check for marks of other tools in the texts, such as escaped characters and subwords."""
    return _findings(examination, lambda kind: kind in _MARKS, "no marks of other tools")


def _writing(examination: Examination) -> Remark:
    """Check that train is written like the texts of dev and test."""
    sound = "train is written like the texts that judge it"
    return _findings(examination, lambda kind: kind not in _MARKS, sound)


def _findings(examination: Examination, wanted: Callable[[str], bool], sound: str) -> Remark:
    data, sample = examination.data, examination.sample
    found = sample.findings if sample is not None else None
    if found is None and data is not None:
        found = data.manifest.findings
    if found is None:
        return Remark("not looked at: an older version of nmt binarized the texts")
    wrong = [finding for finding in found if wanted(finding.kind)]
    facts = {"findings": [finding.model_dump() for finding in wrong]}
    if not wrong:
        return Remark(sound, facts=facts)
    parts = [finding.message.split("\n") for finding in wrong]
    told = "; ".join(" ".join(part[:-1]).rstrip(".") for part in parts)
    return Remark(told, "; ".join(part[-1] for part in parts), facts)


def _made(examination: Examination) -> PreparedData:
    assert examination.data is not None
    return examination.data


def _sample_of(examination: Examination) -> CorpusSample:
    """Return the sample, which exists wherever tokenizers or corpora have to be made."""
    assert examination.sample is not None
    return examination.sample


def _temporary_run(examination: Examination) -> RunDirectory:
    return RunDirectory(examination.folder / "run")


def _what(examination: Examination) -> str:
    sample = _sample_of(examination)
    return "all of train" if sample.is_whole else f"a sample of {sample.pairs:,} pairs"


TEXTS = (
    Check("run", _run, ("config",)),
    Check("text", _text, ("config",)),
    Check("marks", _marks, ("text",)),
    Check("writing", _writing, ("text",)),
    Check("tokenizer", _tokenizer, ("text",)),
    Check("data", _data, ("tokenizer",)),
    Check("unknown", _unknown, ("data",)),
    Check("writable", _writable, ("data",)),
    Check("lengths", _lengths, ("data",)),
    Check("scores", _scores, ("data",)),
)
