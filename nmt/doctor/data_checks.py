"""Checks of a run's texts, tokenizer and corpora.

Missing tokenizers and corpora are made from a sample, in the temporary folder.
"""

from collections.abc import Callable, Sequence

import numpy as np

from nmt.console import quietly, warn
from nmt.data.binarize import equal_sides
from nmt.data.input_files import check_languages, count_pairs
from nmt.data.manifest import TextFinding
from nmt.data.pair_counts import describe_round_trip
from nmt.data.text_findings import SWAPPED
from nmt.data.tokenizer_preparation import find_tokenizers, prepare_tokenizers
from nmt.doctor.corpus_sample import CorpusSample, equal_corpus_sides, take_sample
from nmt.doctor.examination import Check, CheckResult, Examination
from nmt.evaluation.input_checks import count_four_grams, unspaced_text_warning
from nmt.evaluation.scores import common_bleu_tokenizer
from nmt.runtime.distributed import World
from nmt.runtime.run_directory import RunDirectory
from nmt.text.profile import TOOL_MARKS
from nmt.tokenizers.normalization import normalization_advice
from nmt.training.checkpoints import load_state, newest_checkpoint
from nmt.training.data_preparation import PreparedData, find_corpora, prepare_corpora
from nmt.training.resume_checks import check_corpora, check_settings, check_tokenizer

_MIN_CORRELATION = 0.3
"""The lengths of true translations correlate far more closely than this."""

_MIN_PAIRS = 100

_UNRELATED_CORRELATION = 0.2
_MIN_PAIRS_FOR_UNRELATED = 1000
"""Below this correlation, of at least so many pairs, the sides are hardly translations."""

_TOOL_MARKS = frozenset(mark.name for mark in TOOL_MARKS)
_TEXT_KINDS = _TOOL_MARKS | {SWAPPED}


def _check_run(examination: Examination) -> CheckResult:
    run = examination.run
    checkpoint = newest_checkpoint(run.checkpoints)
    state = examination.state = None if checkpoint is None else load_state(checkpoint)
    if state is None:
        return CheckResult(f"{run.path}: {'has no checkpoint' if run.path.exists() else 'new'}")
    check_settings(run, examination.config, World.from_environment(), state, resume=False)
    facts = {"update": state.update, "ended": state.ended}
    if state.ended is not None:
        summary = f"{run.path}: training has ended ({state.ended})"
        return CheckResult(
            summary,
            "raise that limit and add --resume, or train from scratch with --restart",
            facts,
        )
    return CheckResult(f"{run.path}: resumes from update {state.update:,}", facts=facts)


def _check_texts(examination: Examination) -> CheckResult:
    config, run = examination.config, examination.run
    examination.sample = examination.data = None
    examination.tokenizers = find_tokenizers(config, run)
    if examination.tokenizers is not None:
        examination.data = find_corpora(config, run, examination.tokenizers)
    if examination.state is not None:
        _check_unchanged(examination)
    check_languages(config.data)
    if examination.data is not None:
        inputs = examination.data.manifest.inputs
        _warn_of_equal_sides(equal_sides(inputs))
        _warn_of_swapped_sides(examination.data.manifest.findings)
        lines = {
            name: count_pairs(inputs, name)
            for name in ("train", "dev", "test")
            if f"{name}.source" in inputs
        }
        return CheckResult(f"{_counts(lines)}, as binarized", facts={"lines": lines})
    sample = examination.sample = take_sample(config, examination.temporary_folder)
    _warn_of_equal_sides(equal_corpus_sides(config))
    _warn_of_swapped_sides(sample.findings)
    inspected = "" if sample.read == sample.lines["train"] else f" ({sample.read:,} inspected)"
    summary = f"{_counts(sample.lines)}, the same on both sides; train is readable{inspected}"
    return CheckResult(summary, facts={"lines": sample.lines, "read": sample.read})


def _warn_of_equal_sides(problems: Sequence[str]) -> None:
    """Warn of a corpus with one text on both sides, which only a copying task needs."""
    if problems:
        warn(
            f"{'; '.join(problems)}: a model trained on it learns only to copy. To train a "
            "translator, give the translation as the target."
        )


def _warn_of_swapped_sides(findings: Sequence[TextFinding] | None) -> None:
    for finding in findings or ():
        if finding.kind == SWAPPED:
            warn(finding.message)


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


def _check_tokenizer(examination: Examination) -> CheckResult:
    is_from_sample = examination.tokenizers is None
    if is_from_sample:
        sample, run = _corpus_sample(examination), _temporary_run(examination)
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
    summary = f"{' and '.join(f'{size:,}' for size in sizes)} {tokenizers.source.units}"
    summary += ", joint" if tokenizers.joint else ""
    summary += (
        f", not trained yet: estimated from {_sample_text(examination)}" if is_from_sample else ""
    )
    return CheckResult(summary, facts={"sizes": sizes, "trained": not is_from_sample})


def _check_data(examination: Examination) -> CheckResult:
    is_from_sample = examination.data is None
    if is_from_sample:
        assert examination.tokenizers is not None
        sample, run = _corpus_sample(examination), _temporary_run(examination)
        with quietly():
            examination.data = prepare_corpora(
                sample.config, run, examination.tokenizers, checked=True
            )
    train, dev = (
        _prepared_data(examination).manifest.train,
        _prepared_data(examination).manifest.dev,
    )
    summary = f"{train.pairs_kept:,} of {train.pairs_read:,} train pairs kept"
    reasons = [f"{reason} {count:,}" for reason, count in train.dropped.items() if count]
    summary += f" (dropped: {', '.join(reasons)})" if reasons else ""
    summary += f", {dev.pairs_kept:,} of dev"
    summary += (
        f"; not binarized yet: estimated from {_sample_text(examination)}" if is_from_sample else ""
    )
    facts = {
        "train_pairs": train.pairs_kept,
        "dev_pairs": dev.pairs_kept,
        "binarized": not is_from_sample,
    }
    return CheckResult(summary, facts=facts)


def _check_unknown_tokens(examination: Examination) -> CheckResult:
    manifest = _prepared_data(examination).manifest
    rates = {
        f"{name} {side}": getattr(report, side).unknown_rate
        for name, report in (("train", manifest.train), ("dev", manifest.dev))
        for side in ("source", "target")
    }
    worst = max(rates, key=lambda name: rates[name])
    summary = f"at most {100 * rates[worst]:.2f}% of the tokens ({worst}) are unknown"
    return CheckResult(summary if rates[worst] else "no token is unknown", facts={"unknown": rates})


def _check_round_trip(examination: Examination) -> CheckResult:
    """Count the target lines that encoding and decoding changes; no model can write them."""
    manifest = _prepared_data(examination).manifest
    reports = {"train": manifest.train.round_trip, "dev": manifest.dev.round_trip}
    descriptions = [
        f"{name}: {describe_round_trip(report)}"
        for name, report in reports.items()
        if report is not None and report.changed
    ]
    facts = {
        f"{name}_unwritable": None if report is None else report.changed
        for name, report in reports.items()
    }
    if descriptions:
        changes = [change for report in reports.values() if report for change in report.changes]
        advice = normalization_advice(examination.config.tokenizer, changes)
        final_advice = advice or "write these characters in the texts as the model does"
        return CheckResult("; ".join(descriptions), final_advice, facts)
    report = reports["train"]
    if report is None:
        return CheckResult("not counted when the texts were binarized", facts=facts)
    return CheckResult(
        f"{report.lines:,} target lines compared are restored from their subwords", facts=facts
    )


def _check_lengths(examination: Examination) -> CheckResult:
    """Check the correlation of source and target lengths. It is low for misaligned lines."""
    data = _prepared_data(examination)
    sides = data.train.source_lengths, data.train.target_lengths
    ratio = data.manifest.length_ratio
    summary = f"source {sides[0].mean():.1f} tokens (at most {sides[0].max()}), "
    summary += f"target {sides[1].mean():.1f} (at most {sides[1].max()}), "
    summary += f"ratio {ratio.mean:.2f} ± {ratio.deviation:.2f}"
    if len(data.train) < _MIN_PAIRS or not (sides[0].std() and sides[1].std()):
        return CheckResult(summary)
    correlation = float(np.corrcoef(*sides)[0, 1])
    summary += f", correlation {correlation:.2f}"
    advice = ""
    if correlation < _UNRELATED_CORRELATION and len(data.train) >= _MIN_PAIRS_FOR_UNRELATED:
        advice = (
            "the sides probably do not belong together: line i of the target must translate line i "
            "of the source. Check whether one side was shuffled, sorted or has lost a line"
        )
    elif correlation < _MIN_CORRELATION:
        advice = "check that line i of both sides are translations of each other"
    return CheckResult(summary, advice, {"correlation": correlation, "ratio": ratio.mean})


def _check_bleu(examination: Examination) -> CheckResult:
    """Report the tokenizer of BLEU, and check that dev has the n-grams that BLEU counts."""
    config, warnings = examination.config, list[str]()
    tokenizer = common_bleu_tokenizer(config.data.target_languages, warnings.append)
    limit = config.training.validation.max_sentences
    references = _prepared_data(examination).dev_target[:limit]
    four_grams = count_four_grams([references], tokenizer)
    name = tokenizer or "13a"
    summary = f"BLEU tokenizer {name}; in dev, {four_grams.summary}"
    advice = " ".join(note.rstrip(".") for note in warnings)
    if warning := unspaced_text_warning(references, tokenizer):
        advice = warning.rstrip(".")
    elif four_grams.has_few_long_references and config.training.metric == "bleu":
        advice = "set `training.metric: chrf`, because BLEU counts 4-grams"
    return CheckResult(
        summary, advice, {"tokenizer": name, "long_references": four_grams.long_references}
    )


def _check_tool_marks(examination: Examination) -> CheckResult:
    """Check for marks of other tools in the texts, such as escaped characters and subwords."""
    return _findings(examination, lambda kind: kind in _TOOL_MARKS, "no leftovers of other tools")


def _check_writing(examination: Examination) -> CheckResult:
    """Check that train is written like the texts of dev and test."""
    all_clear = "train is written like dev and test"
    return _findings(examination, lambda kind: kind not in _TEXT_KINDS, all_clear)


def _findings(
    examination: Examination, is_relevant: Callable[[str], bool], all_clear: str
) -> CheckResult:
    data, sample = examination.data, examination.sample
    findings = sample.findings if sample is not None else None
    if findings is None and data is not None:
        findings = data.manifest.findings
    if findings is None:
        return CheckResult("not checked: an older version of nmt binarized the texts")
    relevant = [finding for finding in findings if is_relevant(finding.kind)]
    facts = {"findings": [finding.model_dump() for finding in relevant]}
    if not relevant:
        return CheckResult(all_clear, facts=facts)
    parts = [finding.message.split("\n") for finding in relevant]
    summary = "; ".join(" ".join(part[:-1]).rstrip(".") for part in parts)
    return CheckResult(summary, "; ".join(part[-1] for part in parts), facts)


def _prepared_data(examination: Examination) -> PreparedData:
    assert examination.data is not None
    return examination.data


def _corpus_sample(examination: Examination) -> CorpusSample:
    """Return the sample, which exists wherever tokenizers or corpora have to be made."""
    assert examination.sample is not None
    return examination.sample


def _temporary_run(examination: Examination) -> RunDirectory:
    return RunDirectory(examination.temporary_folder / "run")


def _sample_text(examination: Examination) -> str:
    sample = _corpus_sample(examination)
    return "all of train" if sample.is_whole else f"a sample of {sample.pairs:,} pairs"


DATA_CHECKS = (
    Check("run", _check_run, ("config",)),
    Check("text", _check_texts, ("config",)),
    Check("marks", _check_tool_marks, ("text",)),
    Check("writing", _check_writing, ("text",)),
    Check("tokenizer", _check_tokenizer, ("text",)),
    Check("data", _check_data, ("tokenizer",)),
    Check("unknown", _check_unknown_tokens, ("data",)),
    Check("writable", _check_round_trip, ("data",)),
    Check("lengths", _check_lengths, ("data",)),
    Check("scores", _check_bleu, ("data",)),
)
