"""What the terminal shows of a run."""

from run_folders import CONFIG, append, dev, end, rollback, start, train, write_run

from nmt.reports.run_state import open_run
from nmt.reports.text_charts import plain_lines
from nmt.reports.watch import Screen, record_line, screen_lines
from nmt.runtime.lock import hold_lock


def shown(folder, **screen):
    return plain_lines(screen_lines(open_run(folder), Screen(**screen)))


def whole(folder):
    records = [start(), *(train(u) for u in range(10, 60, 10)), dev(50, hypotheses=("hello",))]
    return write_run(folder, *records)


def test_a_run_at_work(tmp_path):
    folder = whole(tmp_path / "run")
    with hold_lock(folder / ".training", "this"):
        lines = shown(folder)
    assert lines[0].startswith("config: training (process ")
    assert lines[1].endswith(" 50%")
    assert lines[1].count("█") == lines[1].count("░") == 30
    told = "update 50 of 100, epoch 2, 50 seconds of training, about 50 seconds to "
    assert lines[2] == f"{told}training.max_updates"
    assert lines[3].startswith("loss 4.500  perplexity 75.00  gradient 0.50  rate 1.00e-03  2000")
    assert lines[4].endswith("█████")
    assert lines[5] == "dev at 50: loss 3.50  perplexity 47.50  BLEU 12.50  chrF 25.00"
    assert lines[6] == "best BLEU 12.50 at update 50"
    assert any(line.startswith("perplexity  ─ train  ─ dev") for line in lines)
    assert lines[-3:] == [
        "  source      s0",
        "  reference   the reference 0",
        "  hypothesis  hello",
    ]


def test_one_that_has_not_begun_and_one_that_is_preparing(tmp_path):
    folder = write_run(tmp_path / "run")
    assert shown(folder)[0] == "config: training has not started"
    with hold_lock(folder / ".data.preparing", "this"):
        assert "preparing the data (process" in shown(folder)[0]


def test_faults_come_before_curves_and_the_newest_last(tmp_path):
    folder = whole(tmp_path / "run")
    append(folder, *(rollback(60 + i, 50) for i in range(5)))
    lines = shown(folder)
    at = lines.index("2 earlier faults; `nmt report` shows them all")
    assert lines[at + 3] == "fault at update 64: back to update 50, learning rate times 0.5"


def test_it_fits_any_screen(tmp_path):
    folder = whole(tmp_path / "run")
    for height in (1, 3, 8, 14, 20, 30, 60):
        for width in (40, 80, 200):
            lines = screen_lines(open_run(folder), Screen(width, height))
            assert len(lines) <= height
            drawn = [line for line in lines if any(span.series is not None for span in line)]
            assert all(sum(len(span.text) for span in line) <= width for line in drawn)


def test_in_ascii_nothing_else_is_drawn(tmp_path):
    lines = shown(whole(tmp_path / "run"), ascii_only=True)
    assert "\n".join(lines).isascii()


def test_hostile_texts_do_not_move_the_cursor(tmp_path):
    config = CONFIG + 'name: "\\x1b[2Jname"\n'
    folder = write_run(tmp_path / "run", start(), config=config)
    record = dev(10)
    record["samples"] = [{"source": "\x1b[31m\r\u202e", "reference": "\x07", "hypothesis": "a\nb"}]
    append(folder, record, {"kind": "not_saved", "update": 1, "time": 1.0, "what": "\x1b]0;x\x07"})
    append(folder, end(10, "\x1b[2J"))
    for line in [*shown(folder), record_line(end(10, "\x1b[2J"))]:
        assert line.isprintable(), repr(line)


def test_a_line_for_each_record():
    assert record_line(train(10)).startswith("update 10  epoch 1  loss 4.900")
    assert record_line(dev(10)).startswith("validation at update 10: loss 3.90  perplexity 57.50")
    assert record_line(rollback(12, 10)) == "update 12: back to update 10, learning rate times 0.5"
    assert record_line(start(5, runtime="device cpu")) == "training from update 5 on device cpu"
    assert record_line(end(10)) == "training ended: training.max_updates (100)"
    assert record_line({"kind": "unknown", "update": 1}) == ""
