"""Estimate the cost of training a configuration: parameters, target tokens, operations.

    python scripts/estimate_training_costs.py [CONFIG ...]

The command prints a table, by default of the configurations of configs/ that follow papers and
public programs. It reads no text and takes no memory. Tokens are at most `training.max_updates`
times `training.batch_size`. Where batches hold a number of sentences, each counts as 28 tokens, the
mean length of a target of WMT. Operations are floating-point operations: six for each token and
each parameter of a matrix that it is multiplied with, two forward and four backward. Embeddings are
looked up, not multiplied. Attention scores are left out. Hours are tokens / (target tokens per
second x 3600). `nmt doctor CONFIG` measures the target tokens per second on your machine.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nmt.config.load import load_config
from nmt.config.settings import Config
from nmt.errors import NmtError
from nmt.model.seq2seq import Seq2Seq

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

_PER_PARAMETER = 6
TOKENS_A_SENTENCE = 28
"""The subwords of a target, end mark included, where batches hold a number of sentences."""


@dataclass(frozen=True)
class Cost:
    """The cost of a training run.

    Attributes:
        parameters: The number of parameters.
        tokens: The target tokens, None where nothing limits them.
        operations_per_token: The floating-point operations of a target token.
        estimated: Whether `tokens` is an estimate. Otherwise it is an upper bound.
    """

    parameters: int
    tokens: int | None
    operations_per_token: int
    estimated: bool = False

    @property
    def operations(self) -> int | None:
        """The operations of the whole training, None where nothing limits it."""
        return None if self.tokens is None else self.tokens * self.operations_per_token

    def __str__(self) -> str:
        bound = "about" if self.estimated else "at most"
        return (
            f"{self.parameters / 1e6:.1f} M parameters, {bound} {self.tokens or 0:.2e} target "
            f"tokens, {self.operations or 0:.2e} FLOP"
        )


def cost_of(config: Config) -> Cost:
    """Return the cost of training a configuration, with vocabularies of the greatest size."""
    size = config.tokenizer.vocab_size
    with torch.device("meta"):
        model = Seq2Seq(config.model, size, size)
    matrices = [
        parameter.numel()
        for name, parameter in model.named_parameters()
        if parameter.dim() > 1 and not name.endswith("embedding.weight")
    ]
    if config.model.tying in ("target_output", "all"):
        matrices.append(size * config.model.embedding_size)
    updates, batch = config.training.max_updates, config.training.batch_size
    tokens = None if updates is None or batch is None else updates * batch
    by_sentences = config.training.batch_by == "sentences"
    if tokens is not None:
        tokens *= config.training.accumulate * (TOKENS_A_SENTENCE if by_sentences else 1)
    return Cost(
        sum(parameter.numel() for parameter in model.parameters()),
        tokens,
        _PER_PARAMETER * sum(matrices),
        by_sentences,
    )


def published() -> list[Path]:
    """Return the configurations for public corpora, without our own for Multi30k."""
    paths = sorted(CONFIGS.glob("*.*-*.yaml"))
    return [path for path in paths if not path.name.startswith("multi30k")]


def table(costs: Sequence[tuple[str, Cost]]) -> str:
    """Return a Markdown table with a row for each configuration."""
    rows = [
        f"| `{name}` | {cost.parameters / 1e6:.1f} M | {(cost.tokens or 0) / 1e9:.2f} | "
        f"{cost.operations_per_token / 1e9:.2f} | {(cost.operations or 0) / 1e15:,.1f} |"
        for name, cost in costs
    ]
    head = "| configuration | parameters | target tokens, 10⁹ | GFLOP a token | PFLOP |"
    return "\n".join([head, "| --- | --: | --: | --: | --: |", *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", nargs="*", type=Path)
    paths = parser.parse_args(arguments).config or published()
    try:
        print(table([(path.name, cost_of(load_config(path))) for path in paths]))
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
