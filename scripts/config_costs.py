"""What training a configuration takes: parameters, target tokens, floating-point operations.

    python scripts/config_costs.py [CONFIG ...]

Prints a table (default: those of configs/ that follow papers and public programs). No text is read
and no memory taken. Tokens are at most `training.max_updates` times `training.batch_size`.
Operations are six for each token and each parameter of a matrix that it is multiplied with: two
forward, four backward. Embeddings are looked up, not multiplied, and attention scores are left out.
Hours are tokens / (target tokens per second x 3600), and `nmt doctor CONFIG` measures the latter on
your machine.
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


@dataclass(frozen=True)
class Cost:
    """What training takes; `operations` in all."""

    parameters: int
    tokens: int | None
    operations_per_token: int

    @property
    def operations(self) -> int | None:
        return None if self.tokens is None else self.tokens * self.operations_per_token

    def __str__(self) -> str:
        return (
            f"{self.parameters / 1e6:.1f} M parameters, at most {self.tokens or 0:.2e} target "
            f"tokens, {self.operations or 0:.2e} FLOP"
        )


def cost_of(config: Config) -> Cost:
    """What training takes, were each vocabulary as large as it may be."""
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
    return Cost(
        sum(parameter.numel() for parameter in model.parameters()),
        None if tokens is None else tokens * config.training.accumulate,
        _PER_PARAMETER * sum(matrices),
    )


def published() -> list[Path]:
    """The configurations for public corpora, our own for Multi30k aside."""
    paths = sorted(CONFIGS.glob("*.*-*.yaml"))
    return [path for path in paths if not path.name.startswith("multi30k")]


def table(costs: Sequence[tuple[str, Cost]]) -> str:
    """A row for each configuration, as Markdown."""
    rows = [
        f"| `{name}` | {cost.parameters / 1e6:.1f} M | {(cost.tokens or 0) / 1e9:.2f} | "
        f"{cost.operations_per_token / 1e9:.2f} | {(cost.operations or 0) / 1e15:,.1f} |"
        for name, cost in costs
    ]
    head = "| configuration | parameters | target tokens, 10⁹ | GFLOP a token | PFLOP |"
    return "\n".join([head, "| --- | --: | --: | --: | --: |", *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; gives the exit code."""
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
