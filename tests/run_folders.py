"""Run folders with logs, made up."""

import json

CONFIG = """\
data:
  train: {source: /texts/train.fr, target: /texts/train.en}
  dev: {source: /texts/dev.fr, target: /texts/dev.en}
  source_language: fr
  target_language: en
training:
  max_updates: 100
  label_smoothing: 0.2
"""


def start(update=0, **facts):
    return {"kind": "start", "update": update, "time": 1000.0 + update, **facts}


def train(update, **values):
    record = {
        "kind": "train",
        "update": update,
        "time": 1000.0 + update,
        "epoch": 1 + update // 50,
        "loss": 5.0 - update / 100,
        "perplexity": 100.0 - update / 2,
        "gradient_norm": 0.5,
        "learning_rate": 0.001,
        "tokens_per_second": 2000.0,
        "seconds": update / 1.0,
    }
    return {**record, **values}


def dev(update, bleu=None, hypotheses=(), **values):
    record = {
        "kind": "validation",
        "update": update,
        "time": 1000.5 + update,
        "loss": 4.0 - update / 100,
        "perplexity": 60.0 - update / 4,
        "bleu": update / 4 if bleu is None else bleu,
        "chrf": update / 2,
        "seconds": 0.5,
    }
    if hypotheses:
        record["samples"] = [
            {"source": f"s{i}", "reference": f"the reference {i}", "hypothesis": text}
            for i, text in enumerate(hypotheses)
        ]
    return {**record, **values}


def end(update, reason="training.max_updates (100)"):
    return {"kind": "end", "update": update, "time": 1000.0 + update, "reason": reason}


def rollback(update, back_to):
    values = {"fault": update, "back_to": back_to, "rate_scale": 0.5}
    return {"kind": "rollback", "update": update, "time": 1000.0 + update, **values}


def write_run(folder, *records, config=CONFIG):
    """A run with this log; None: without one."""
    folder.mkdir(exist_ok=True)
    if config is not None:
        (folder / "config.yaml").write_text(config, encoding="utf-8")
    append(folder, *records)
    return folder


def append(folder, *records):
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records))
