"""The token budget that is left to the device's memory."""

import pytest
import torch

from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import ResourceError
from nmt.training.batch_loader import BatchLoader
from nmt.training.batch_size import BUDGETS, CPU_BATCH_TOKENS, first_fitting, worst_batches
from nmt.training.checkpoints import load_state, newest_checkpoint
from nmt.training.data_preparation import prepare_corpora
from nmt.training.run import train


def test_the_most_that_fits_is_taken():
    tried = []

    def fits(budget):
        tried.append(budget)
        if budget > 10_000:
            raise torch.OutOfMemoryError
        if budget > 8000:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")
        return budget <= 5000

    assert first_fitting(fits) == 4096
    assert tried == [BUDGETS[-1], *BUDGETS[: BUDGETS.index(4096) + 1]]


def test_nothing_fits():
    with pytest.raises(ResourceError, match="even a batch of 256 tokens"):
        first_fitting(lambda budget: False)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def fits(budget):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        first_fitting(fits)


def test_the_worst_batches_are_among_those_of_the_plan(tiny):
    config = tiny("training.max_updates=1")
    run = train(config)
    tokenizers = prepare_tokenizers(config, run)
    corpus = prepare_corpora(config, run, tokenizers).train
    loader = BatchLoader(corpus, tokenizers, 100, config.tokenizer.sampling, config.seed)
    batches = worst_batches(loader)
    plan = loader.plan(0)
    assert 1 <= len(batches) <= 4
    for batch in batches:
        assert any(list(pairs) == list(batch.pairs) for pairs in plan)
    widths = [max(batch.source.shape[1], batch.target_input.shape[1]) for batch in batches]
    longest = max(corpus.source_lengths.max(), corpus.target_lengths.max()) + 1
    assert max(widths) == longest
    assert max(len(batch.pairs) for batch in batches) == max(map(len, plan))

    def places(pairs):
        sides = (corpus.source_lengths, corpus.target_lengths)
        return len(pairs) * int(sides[0][pairs].max() + 1) * int(sides[1][pairs].max() + 1)

    assert max(places(batch.pairs) for batch in batches) == max(map(places, plan))


def test_a_run_without_a_number_takes_the_one_for_the_cpu_and_keeps_it(tiny):
    run = train(tiny("training.batch_size=null", "training.max_updates=4"))
    path = newest_checkpoint(run.checkpoints)
    assert load_state(path).batch_size == CPU_BATCH_TOKENS
    train(tiny("training.batch_size=null"), resume=True)
    assert load_state(newest_checkpoint(run.checkpoints)).update == 8
