"""A model of several languages and tags, in every command that translates with it."""

import json
import random
import shutil
import warnings

import numpy as np
import pytest
import torch
from tagged_models import ENGLISH, FRENCH, GERMAN, WEB, train_tagged_model

from nmt import Translator
from nmt.bundles.bundle import Bundle, load_bundle, save_bundle
from nmt.cli.app import run
from nmt.config.settings import Config
from nmt.errors import UsageError
from nmt.inspection.alignments import align_pairs, align_translation
from nmt.inspection.attention_data import attention_record, merge_words
from nmt.inspection.attention_page import draw_attention
from nmt.search.constraints import Constraints
from nmt.tokenizers.source_tags import TagSelection
from nmt.translation.quality_estimation import QualityEstimator

TEXT = "three four"
ANSWERS = {("de", None): "drei vier", ("fr", None): "trois quatre", ("de", "web"): "3 4"}
DE, FR, DE_WEB = (TagSelection(*each) for each in ANSWERS)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The run of a model of numbers into German and French, with the tag web."""
    return train_tagged_model(tmp_path_factory.mktemp("tagged"))


@pytest.fixture(scope="module")
def translator(model):
    return Translator.load(model.path, device="cpu", threads=1)


@pytest.fixture
def command(model):
    return ["--model", str(model.path), "--device", "cpu", "--threads", "1"]


@pytest.fixture
def text_file(tmp_path):
    def write(*lines, name="input.txt"):
        file = tmp_path / name
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(file)

    return write


def texts(translations):
    return [translation.text for translation in translations]


def prefer_tags(bundle):
    """Change a model so that it gives tags a far higher probability than all else."""
    with torch.no_grad():
        bundle.model.output_bias[sorted(bundle.tokenizers.target.added_control_ids)] += 50.0


@pytest.mark.parametrize(("to", "tag"), ANSWERS)
def test_language_and_tag_are_chosen(translator, to, tag):
    chosen = translator.with_tags(to=to, tag=tag)
    assert texts(chosen.translate([TEXT, ""])) == [ANSWERS[to, tag], ""]
    assert chosen.target_language == to


def test_a_loaded_translator_has_its_language(model):
    loaded = Translator.load(model.path, device="cpu", threads=1, to="de", tag="web")
    assert texts(loaded.translate([TEXT])) == ["3 4"]
    assert texts(loaded.with_tags(to="fr").with_tags(to="de").translate([TEXT])) == ["3 4"]


def test_each_text_has_its_own_tags_in_any_batch(translator):
    draw = random.Random(3)
    sources = [" ".join(draw.choices(ENGLISH, k=draw.randint(0, 6))) for _ in range(40)]
    tags = [draw.choice([DE, FR, DE_WEB]) for _ in sources]
    together = translator.translate(sources, tags=tags)
    for source, selection, found in zip(sources, tags, together, strict=True):
        (alone,) = translator.with_tags(*selection).translate([source])
        assert (alone.text, alone.score) == (found.text, found.score)
        assert alone.source_tokens == found.source_tokens
    assert texts(translator.translate(sources, tags=tags, batch_sentences=3)) == texts(together)


def test_a_long_text_keeps_its_language_in_each_segment(translator):
    words = ENGLISH * 4
    for selection, vocabulary in ((FR, FRENCH), (DE, GERMAN), (DE_WEB, WEB)):
        found = translator.translate([" ".join(words)], tags=[selection], max_source_tokens=7)[0]
        tags = [f"<2{selection.to}>", *(["<web>"] if selection.tag else [])]
        assert list(found.source_tags) == tags
        *segments, rest = " ".join(found.source_tokens).split(" </s>")
        assert rest == ""
        assert len(segments) == found.pieces > 1
        for segment in segments:
            pieces = segment.split()
            assert pieces[: len(tags)] == tags
            assert len(pieces) <= 7
        assert set(found.text.split()) <= set(vocabulary)


def test_text_cannot_forge_a_tag(translator):
    plain = translator.with_tags(to="de")
    (found,) = plain.translate(["<2fr> three"])
    assert found.source_tokens[0] == "<2de>"
    assert "<2fr>" not in found.source_tokens
    assert not set(found.text.split()) & set(FRENCH)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({}, "this model translates into de, fr: choose one with `to`."),
        ({"to": "es"}, "`to` es: this model translates into de, fr."),
        ({"to": "de", "tag": "blog"}, "`tag` blog: the tags of this model are web."),
    ],
)
def test_wrong_choices_are_named(translator, chosen, message):
    with pytest.raises(UsageError) as error:
        translator.with_tags(**chosen).translate([TEXT])
    assert error.value.message.endswith(message)


def test_a_blank_text_needs_no_language(translator):
    assert texts(translator.translate(["", " "])) == ["", ""]


def test_a_model_of_one_language_takes_its_own_and_no_tag(tiny_bundle):
    one = Translator.load(tiny_bundle, device="cpu", threads=1)
    assert texts(one.with_tags(to="target").translate(["le chat"])) == texts(
        one.translate(["le chat"])
    )
    with pytest.raises(UsageError, match="`to` de: this model translates into target only"):
        one.with_tags(to="de")
    with pytest.raises(UsageError, match="`tag` web: this model has no tags"):
        one.with_tags(tag="web")


def test_where_every_corpus_has_a_tag_a_text_needs_one(model, tmp_path):
    bundle = load_bundle(model.best, torch.device("cpu"))
    settings = bundle.config.model_dump(mode="json", exclude_none=True)
    for corpus in (*settings["data"]["train"], *settings["data"]["dev"]):
        corpus["tag"] = "web"
    config = Config.model_validate(settings)
    parts = (bundle.model, bundle.tokenizers, config, bundle.length_ratio)
    save_bundle(Bundle(*parts), tmp_path / "bundle", {})
    strict = Translator.load(tmp_path / "bundle", device="cpu", threads=1, to="de")
    with pytest.raises(UsageError, match=r"needs a tag \(web\): choose one with `tag`"):
        strict.translate([TEXT])
    assert texts(strict.with_tags(tag="web").translate([TEXT])) == ["3 4"]


def test_an_ensemble_has_the_tags_of_all_its_models(model, tmp_path):
    both = Translator.load([model.best] * 2, device="cpu", threads=1, to="fr")
    assert texts(both.translate([TEXT])) == ["trois quatre"]
    bundle = load_bundle(model.best, torch.device("cpu"))
    data = bundle.config.data
    fewer = data.model_copy(update={"train": data.train[:1], "dev": data.dev[:1]})
    config = bundle.config.model_copy(update={"data": fewer})
    parts = (bundle.model, bundle.tokenizers, config, bundle.length_ratio)
    save_bundle(Bundle(*parts), tmp_path / "fewer", {})
    mixed = Translator.load([model.best, tmp_path / "fewer"], device="cpu", threads=1)
    with pytest.raises(UsageError, match="`to` fr: this model translates into de only"):
        mixed.with_tags(to="fr")
    with pytest.raises(UsageError, match="has other languages than"):
        mixed.with_tags(to="de").translate([TEXT])


def test_forced_decoding_prefers_the_language_of_the_tag(translator):
    german, french = (ANSWERS["de", None], ANSWERS["fr", None])
    scores = translator.score([TEXT] * 4, [german, french] * 2, tags=[DE, DE, FR, FR])
    values = [score.log_probability for score in scores]
    assert values[0] > values[1]
    assert values[3] > values[2]
    (found,) = translator.translate([TEXT], tags=[DE])
    assert found.log_probability == pytest.approx(values[0], abs=1e-5)


def test_forced_decoding_reads_the_tags(translator):
    scored, blank = translator.with_tags("fr").score([TEXT, ""], ["un", ""], attention=True)
    assert scored.source_tokens == ["<2fr>", "▁three", "▁four", "</s>"]
    assert scored.attention.shape == (2, 4)
    assert scored.source_tags == scored.segmented_source.tags == ("<2fr>",)
    assert blank.source_tokens == []


def test_alternatives_are_of_the_language(translator):
    for to, words in (("de", GERMAN), ("fr", FRENCH)):
        best = translator.with_tags(to).alternatives(TEXT, count=2)[0]
        assert best.translation.text == ANSWERS[to, None]
        assert best.token.strip("▁") in words


@pytest.mark.parametrize("search", [{"beam_size": 20, "n_best": 20}, {"sampling": True}])
def test_no_translation_has_a_tag(model, search):
    """Even where the model prefers tags to all else."""
    bundle = load_bundle(model.best, torch.device("cpu"))
    prefer_tags(bundle)
    loaded = Translator.load(model.best, device="cpu", threads=1, to="de")
    wrong = Translator(bundle, loaded._runtime).with_tags(to="de")
    found = wrong.translate([TEXT, "one"], **search)
    tokens = {token for best in found for each in best.n_best for token in each.tokens}
    assert tokens
    assert not tokens & {"<2de>", "<2fr>", "<web>"}
    names = {each.token for each in wrong.alternatives(TEXT, count=10, words=False)}
    assert names
    assert not names & {"<2de>", "<2fr>", "<web>"}


def test_words_have_the_same_numbers_with_and_without_tags(translator):
    for selection, answer in ((DE, "drei vier"), (DE_WEB, "3 4"), (FR, "trois quatre")):
        (found,) = translator.translate([TEXT], tags=[selection])
        assert found.text == answer
        aligned = align_translation(found)
        assert aligned.source == ["three", "four"]
        assert aligned.links() == [(0, 0), (1, 1)]
        pieces = align_translation(found, subwords=True)
        assert pieces.source == ["▁three", "▁four"]
        assert pieces.links() == [(0, 0), (1, 1)]
        (forced,) = align_pairs(translator.with_tags(*selection), [TEXT], [answer])
        assert forced.links() == [(0, 0), (1, 1)]


def test_a_tag_is_a_unit_of_its_own_in_pictures(translator):
    (found,) = translator.translate([TEXT], tags=[DE_WEB])
    target, source, weights = merge_words(found)
    assert source == ["<2de>", "<web>", "three", "four", "</s>"]
    assert target == ["3", "4"]
    assert weights.shape == (2, 5)
    assert weights.sum(1) == pytest.approx([1.0, 1.0], abs=1e-5)
    record = attention_record(found)
    assert record["source"] == ["<2de>", "<web>", "▁three", "▁four", "</s>"]
    assert record["source_words"] == [1] * 5
    assert '"text":"three four"' in draw_attention(found).html.replace('": "', '":"')


def test_heads_are_drawn_with_tags(translator):
    (found,) = translator.translate([TEXT], tags=[DE_WEB])
    pair = translator._codec.pair(found)
    ids = translator.tokenizers.source.find_piece
    assert pair.source[:2] == [ids("<2de>"), ids("<web>")]
    assert translator.tokenizers.source.pieces(pair.source) == found.source_tokens[:-1]


def test_quality_flags_ignore_tags(translator):
    estimator = QualityEstimator.of(translator.bundles[0])
    (found,) = translator.translate([TEXT], tags=[DE_WEB])
    report = estimator.estimate(TEXT, found)
    assert report.signals.unknown == report.signals.uncovered == 0.0
    weights = np.array(found.attention)
    weights[:, :2] = 0.0  # a tag without attention is not an uncovered word
    assert estimator.estimate(TEXT, found).signals.uncovered == 0.0
    (plain,) = translator.translate([TEXT], tags=[DE_WEB], attention=False)
    assert estimator.estimate(TEXT, plain).signals.unknown == 0.0


def test_unknown_words_are_never_replaced_by_a_tag(translator):
    (found,) = translator.translate(["three ж"], tags=[DE], replace_unknown=True)
    assert "<2de>" not in found.text


def test_an_open_word_cannot_be_a_tag(translator):
    wish = Constraints(prefix="<", open_end=True)
    (found,) = translator.translate([TEXT], tags=[DE], constraints=[wish])
    assert "<2de>" not in found.tokens


def test_the_utility_of_each_language_has_its_tokenizer(translator, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "nmt.translation.translator.bleu_tokenizer", lambda language: asked.append(language)
    )
    monkeypatch.setattr(translator, "_bleu_tokenizers", {})
    found = translator.translate([TEXT] * 3, tags=[DE, FR, DE], mbr="bleu", beam_size=4)
    assert texts(found) == ["drei vier", "trois quatre", "drei vier"]
    assert asked == ["de", "fr"]


def test_a_shortlist_has_no_tag(model, tmp_path):
    copy = shutil.copytree(model.path, tmp_path / "run")
    assert run(["shortlist", "--model", str(copy), "--quiet"]) == 0
    bundle = load_bundle(copy / "best", torch.device("cpu"))
    prefer_tags(bundle)
    loaded = Translator.load(copy / "best", device="cpu", threads=1)
    wrong = Translator(bundle, loaded._runtime).with_tags(to="fr")
    assert texts(wrong.translate([TEXT], shortlist=20)) == ["trois quatre"]


# ---------------------------------------------------------------- commands


def test_translate_chooses(command, text_file, capsys):
    source = text_file(TEXT, "", "two")
    for (to, tag), answer in ANSWERS.items():
        options = ["--to", to, *(["--tag", tag] if tag else [])]
        assert run(["translate", "-q", *command, *options, "--input", source]) == 0
        assert capsys.readouterr().out.split("\n")[:2] == [answer, ""]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "this model translates into de, fr: choose one with --to."),
        (["--to", "es"], "--to es: this model translates into de, fr."),
        (["--to", "fr", "--tag", "blog"], "--tag blog: the tags of this model are web."),
    ],
)
@pytest.mark.parametrize("name", ["translate", "attention", "align", "score", "tune"])
def test_commands_name_a_wrong_choice(command, text_file, capsys, name, options, message):
    source = text_file(TEXT)
    files = {
        "translate": ["--input", source],
        "attention": ["--input", source],
        "align": ["--source", source],
        "score": [source, "--source", source],
        "tune": ["--source", source, "--ref", source, "--dry-run"],
    }
    assert run([name, "-q", *files[name], *command, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nmt: error: ")
    assert err.endswith(f"{message}\n")
    assert err.count("\n") <= 3


def test_json_lines_name_their_own(command, text_file, capsys):
    rows = [
        {"text": TEXT, "to": "fr"},
        {"text": TEXT},
        {"text": TEXT, "tag": "web"},
        {"text": TEXT, "to": "es"},
        {"text": "", "to": "fr"},
        {"text": TEXT, "to": 3},
        {"text": TEXT, "to": None},
    ]
    source = text_file(*map(json.dumps, rows))
    options = ["--to", "de", "--input-format", "json", "--input", source]
    assert run(["translate", "-q", *command, *options]) == 0
    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    answers = [row.get("translation", row.get("error")) for row in found]
    assert answers == [
        "trois quatre",
        "drei vier",
        "3 4",
        "`to` es: this model translates into de, fr",
        "",
        "`to` is not a text",
        "drei vier",
    ]
    assert found[0]["source_tokens"] == ["<2fr>", "▁three", "▁four", "</s>"]
    assert found[0]["to"] == "fr"
    assert "line 4" in err


def test_json_lines_without_a_language_are_answered_one_by_one(command, text_file, capsys):
    source = text_file(json.dumps({"text": TEXT}), json.dumps({"text": TEXT, "to": "de"}))
    assert run(["translate", "-q", *command, "--input-format", "json", "--input", source]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["error"] == "this model translates into de, fr: choose one with `to`"
    assert second["translation"] == "drei vier"


def test_finished_parts_of_another_language_are_refused(command, text_file, tmp_path, capsys):
    source, output = text_file(*[TEXT] * 3), tmp_path / "out.txt"
    files = ["--input", source, "--output", str(output), "--resumable"]
    assert run(["translate", "-q", *command, *files, "--to", "fr"]) == 0
    assert output.read_text(encoding="utf-8") == "trois quatre\n" * 3

    from nmt.translation.shard_store import ShardStore

    made = []
    original = ShardStore.open

    def spy(path, text, made_by):
        made.append(made_by)
        return original(path, text, made_by)

    output.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShardStore, "open", spy)
        for options in (["--to", "fr"], ["--to", "de"], ["--to", "de", "--tag", "web"]):
            assert run(["translate", "-q", *command, *files, *options]) == 0
            output.unlink()
    assert [(each.get("to"), each.get("tag")) for each in made] == [
        ("fr", None),
        ("de", None),
        ("de", "web"),
    ]


def test_alignments_are_of_words(command, text_file, capsys):
    source, target = text_file(TEXT), text_file("drei vier", name="target.txt")
    for extra in ([], ["--subwords"]):
        options = ["--source", source, "--target", target, "--to", "de", *extra]
        assert run(["align", "-q", *command, *options]) == 0
        assert capsys.readouterr().out == "0-0 1-1\n"
    assert run(["translate", "-q", *command, "--to", "fr", "--alignment", "-i", source]) == 0
    assert capsys.readouterr().out == "trois quatre ||| 0-0 1-1\n"


def test_attention_shows_the_tag(command, text_file, capsys):
    options = ["--to", "fr", "--input", text_file(TEXT), "--json"]
    assert run(["attention", "-q", *command, *options]) == 0
    drawn = json.loads(capsys.readouterr().out)
    assert drawn["translation"] == "trois quatre"
    assert drawn["source"] == ["<2fr>", "three", "four", "</s>"]


def test_scores_are_of_the_language(command, text_file, capsys):
    files = [text_file("drei vier", name="target.txt"), "--source", text_file(TEXT)]
    found = []
    for to in ("de", "fr"):
        assert run(["score", "-q", *command, *files, "--to", to, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["model"]["log_probability"])
    assert found[0] > found[1]


def test_tune_reads_the_languages_of_dev(command, capsys):
    grid = ["--beam", "1,2", "--length-penalty", "gnmt", "--alpha", "1", "--metric", "chrf"]
    scores = {}
    for options in ([], ["--to", "fr"], ["--to", "de"], ["--tag", "web"]):
        assert run(["tune", "-q", *command, *grid, "--dry-run", "--json", *options]) == 0
        record = json.loads(capsys.readouterr().out)
        scores[" ".join(options)] = record["sentences"], record["trials"][0]["score"]
    assert [count for count, _ in scores.values()] == [60, 20, 40, 20]
    assert min(score for _, score in scores.values()) > 50
    assert run(["tune", "-q", *command, *grid, "--dry-run", "--to", "fr", "--tag", "web"]) == 2
    assert "dev of the run has no line for --to fr --tag web" in capsys.readouterr().err


def test_compare_translates_each_line_of_dev_into_its_language(model, tmp_path, capsys):
    other = shutil.copytree(model.path, tmp_path / "other")
    options = ["--device", "cpu", "--threads", "1", "--json"]
    assert run(["compare", "-q", str(model.path), str(other), *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["lines"] == 60
    for system in record["systems"]:
        values = {each["metric"]: each["value"] for each in system["scores"]}
        assert values["chrf"] > 50
    assert run(["compare", "-q", str(model.path), str(other), "--to", "fr"]) == 2
    assert "--to and --tag require --source" in capsys.readouterr().err


def test_info_lists_languages_and_tags(model, capsys):
    assert run(["info", str(model.path)]) == 0
    out = capsys.readouterr().out
    assert "en to de, fr" in out
    assert "choose one with --to: de, fr" in out
    assert "choose one or none with --tag: web" in out
    assert run(["info", str(model.path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["target_languages"] == ["de", "fr"]
    assert record["tags"] == ["web"]
    assert record["requires_tag"] is False


def test_the_model_card_tells_how_to_choose(model):
    card = (model.best / "README.md").read_text(encoding="utf-8")
    assert "--to de < input.txt" in card
    assert "target languages: de, fr." in card
    assert "tags: web." in card


def test_a_model_in_one_file_keeps_them(model, tmp_path):
    assert run(["export", str(model.path), "--output", str(tmp_path / "model.nmt"), "--quiet"]) == 0
    packed = Translator.load(tmp_path / "model.nmt", device="cpu", threads=1, to="fr")
    assert texts(packed.translate([TEXT])) == ["trois quatre"]


@pytest.mark.slow
def test_onnx_programs_translate_into_the_language_of_the_tag(model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    from nmt.tokenizers.tokenizer import Tokenizer

    folder = tmp_path / "onnx"
    assert run(["export", str(model.path), "--onnx", str(folder), "--quiet"]) == 0
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert about["languages"] == ["en", "de, fr"]
    assert set(about["tags"]) == {"2de", "2fr", "web"}
    assert any("the id of the target language" in step for step in about["how"])
    encoder, step = (
        onnxruntime.InferenceSession(str(folder / about[name]["file"]))
        for name in ("encoder", "step")
    )
    source, target = (Tokenizer.load(folder / f"{side}.model") for side in ("source", "target"))
    for (to, tag), answer in ANSWERS.items():
        names = [f"2{to}", *([tag] if tag else [])]
        ids = [*(about["tags"][name] for name in names), *source.encode(TEXT), about["eos"]]
        feeds = {"source": np.array([ids]), "lengths": np.array([len(ids)])}
        values = dict(zip(about["encoder"]["outputs"], encoder.run(None, feeds), strict=True))
        tokens = [about["bos"]]
        while tokens[-1] != about["eos"] and len(tokens) < 10:
            feeds = {name: values[name] for name in about["step"]["inputs"] if name != "previous"}
            feeds["previous"] = np.array([tokens[-1:]])
            found = dict(zip(about["step"]["outputs"], step.run(None, feeds), strict=True))
            tokens.append(int(found["log_probabilities"].argmax()))
            for name in about["state"]:
                values[name] = found[f"next_{name}"]
        assert target.decode(tokens) == answer


# ------------------------------------------------------------------ server


@pytest.fixture
def client(translator):
    pytest.importorskip("starlette", reason="starlette is not installed")
    with warnings.catch_warnings():  # later versions prefer another client to httpx
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient

    from nmt.serving.api_schema import ApiResponses, RequestLimits
    from nmt.serving.app import Service, make_application, render_page
    from nmt.serving.request_queue import RequestQueue
    from nmt.serving.server import server_info

    limits = RequestLimits()
    requests = RequestQueue(translator, limits.waiting, limits.together)
    info = server_info(translator, limits, 3)
    responses = ApiResponses(QualityEstimator.of(translator.bundles[0]))
    service = Service(requests, responses, limits, render_page(info), info, 3)
    yield TestClient(make_application(service), base_url="http://127.0.0.1:8765")
    requests.close()
    requests.join(30)


@pytest.mark.parametrize(("to", "tag"), ANSWERS)
def test_a_request_chooses(client, to, tag):
    chosen = {"to": to, **({"tag": tag} if tag else {})}
    found = client.post("/api/translate", json={"text": TEXT, "attention": True, **chosen}).json()
    assert found["translations"][0]["translation"] == ANSWERS[to, tag]
    tags = [f"<2{to}>", *([f"<{tag}>"] if tag else [])]
    line = found["translations"][0]["lines"][0]
    assert line["attention"]["source"] == [*tags, "▁three", "▁four", "</s>"]
    found = client.post("/api/alternatives", json={"text": TEXT, "count": 2, **chosen}).json()
    assert found["alternatives"][0]["translation"] == ANSWERS[to, tag]


@pytest.mark.parametrize("path", ["translate", "alternatives"])
@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({}, "this model translates into de, fr: choose one with `to`."),
        ({"to": "es"}, "`to` es: this model translates into de, fr."),
        ({"to": "de", "tag": "blog"}, "`tag` blog: the tags of this model are web."),
    ],
)
def test_a_request_with_a_wrong_choice_is_refused(client, path, chosen, message):
    answer = client.post(f"/api/{path}", json={"text": TEXT, **chosen})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(message)


def test_requests_of_different_languages_share_a_batch(translator):
    from nmt.serving.request_queue import TranslateJob, _translate

    jobs = [
        TranslateJob([TEXT], Constraints(), {"beam_size": 3}, tags) for tags in (DE, FR, DE_WEB)
    ]
    assert jobs[0].can_share_batch(jobs[1])
    found = _translate(translator, jobs)
    assert [texts(each) for each in found] == [["drei vier"], ["trois quatre"], ["3 4"]]


def test_the_page_knows_the_languages(client):
    info = client.get("/api/info").json()
    assert info["target_languages"] == ["de", "fr"]
    assert info["target_language"] == "de"
    assert info["tags"] == ["web"]
    assert (info["to"], info["tag"], info["requires_tag"]) == (None, None, False)
    assert '<select id="to"' in client.get("/").text
