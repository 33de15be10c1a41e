"""The committed demonstration corpus and the grammar that writes it."""

import importlib
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

maker = importlib.import_module("make_demo_corpus")
clauses = importlib.import_module("demo_corpus.clauses")
french = importlib.import_module("demo_corpus.french")
lexicon = importlib.import_module("demo_corpus.lexicon")
phrases = importlib.import_module("demo_corpus.phrases")
sentences = importlib.import_module("demo_corpus.sentences")
verbs = importlib.import_module("demo_corpus.verbs")

COMMITTED = ROOT / "data" / "demo"
PARTS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def corpus():
    return maker.make_corpus()


@pytest.fixture(scope="module")
def committed():
    """part -> list of (French, English), read from the committed files."""
    return {part: _read_pairs(part) for part in PARTS}


def _read_pairs(part):
    sides = [_lines(COMMITTED / f"{part}.{language}") for language in ("fr", "en")]
    assert len(sides[0]) == len(sides[1])
    return [(sides[0][i], sides[1][i]) for i in range(len(sides[0]))]


def _lines(path):
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return text[:-1].split("\n")


def _text(clause):
    pair = sentences.finish(clauses.statement(clause))
    return pair.french, pair.english


def _subject(word, english, person=3, plural=False, feminine=False):
    return phrases.Nominal((word,), (english,), person, plural, feminine, pronoun=True)


HE = _subject("il", "he")
I_FEMININE = _subject("je", "I", 1, feminine=True)
WE = _subject("nous", "we", 1, plural=True)


class TestCommittedFiles:
    @pytest.mark.slow
    def test_are_what_the_script_writes(self, corpus, tmp_path):
        maker.write_corpus(corpus, tmp_path)
        for part in PARTS:
            for language in ("fr", "en"):
                name = f"{part}.{language}"
                assert (tmp_path / name).read_bytes() == (COMMITTED / name).read_bytes(), name

    def test_have_the_sizes_the_readme_names(self, committed):
        assert [len(committed[part]) for part in PARTS] == [20000, 500, 500]

    def test_no_sentence_stands_twice_on_either_side(self, committed):
        for side in (0, 1):
            counts = Counter(pair[side] for part in PARTS for pair in committed[part])
            assert [sentence for sentence, count in counts.items() if count > 1] == []

    def test_every_word_is_frequent_in_train(self, committed):
        for side in (0, 1):
            counts = Counter(w for pair in committed["train"] for w in maker.words_of(pair[side]))
            assert len(counts) >= 500
            assert [word for word, count in counts.items() if count < 15] == []
            for part in ("dev", "test"):
                words = {w for pair in committed[part] for w in maker.words_of(pair[side])}
                assert words <= counts.keys()

    def test_every_line_is_a_whole_sentence(self, committed):
        for part in PARTS:
            for source, target in committed[part]:
                assert source[0].isupper() and source[-1] in ".?"
                assert target[0].isupper() and target[-1] == source[-1]
                assert "  " not in source + target and " ." not in source + target
                assert source.strip() == source and target.strip() == target

    def test_lengths_reach_from_short_to_long(self, committed):
        lengths = [len(source.split()) for source, _ in committed["train"]]
        assert min(lengths) <= 3
        assert sum(15 <= length <= 25 for length in lengths) >= 300

    def test_spelling_rules_hold_everywhere(self, committed):
        vowel = "[aeiouéêèâœ]"
        wrong_french = re.compile(
            rf"\b(je|le|la|de|ne|me|te|se|que) {vowel}|\bde les?\b(?! l)|\bà les?\b|"
            rf"\b(ce|ma|ta|sa) {vowel}",
            re.IGNORECASE,
        )
        allowed = re.compile(r"\b(de|que) onze")
        wrong_english = re.compile(r"\ba [aeiou]|\ban [^aeiouAEIOU]|\b(does|did|do) not \w+ed\b")
        for part in PARTS:
            for source, target in committed[part]:
                found = wrong_french.search(source)
                assert not found or allowed.search(source), source
                assert not wrong_english.search(target), target


class TestHeldOutSentence:
    def test_grammar_gives_its_translation(self):
        assert maker.held_out_pair() == maker.Pair(
            "Le chat noir est sur le tapis.", "The black cat is on the mat."
        )

    def test_is_nowhere_in_the_corpus_not_even_inside_another_sentence(self, committed):
        for part in PARTS:
            for source, target in committed[part]:
                assert "chat noir est sur le tapis" not in source.lower()
                assert "black cat is on the mat" not in target.lower()

    @pytest.mark.parametrize(
        ("side", "words"),
        [
            (0, "chat noir"),
            (0, "sur le tapis"),
            (0, "est sur le"),
            (1, "black cat"),
            (1, "on the mat"),
        ],
    )
    def test_its_phrases_are_taught_in_other_sentences(self, committed, side, words):
        assert sum(words in pair[side] for pair in committed["train"]) >= 40


class TestGrammar:
    @pytest.mark.parametrize(
        ("noun", "adjectives", "determiner", "plural", "expected"),
        [
            ("homme", ["vieux"], "definite", False, ("le vieil homme", "the old man")),
            ("oiseau", ["beau"], "indefinite", False, ("un bel oiseau", "a beautiful bird")),
            ("oiseau", ["beau"], "indefinite", True, ("de beaux oiseaux", "some beautiful birds")),
            ("cheval", ["blanc"], "definite", True, ("les chevaux blancs", "the white horses")),
            ("robe", ["nouveau", "blanc"], "definite", True,
             ("les nouvelles robes blanches", "the new white dresses")),
            ("ordinateur", ["nouveau"], "demonstrative", False,
             ("ce nouvel ordinateur", "this new computer")),
            ("étudiant", [], "demonstrative", False, ("cet étudiant", "this student")),
            ("eau", [], "indefinite", False, ("de l'eau", "some water")),
            ("lait", [], "indefinite", False, ("du lait", "some milk")),
            ("homme", ["grand"], "definite", False, ("le grand homme", "the tall man")),
            ("lit", ["grand"], "definite", False, ("le grand lit", "the big bed")),
            ("orange", [], "generic", True, ("les oranges", "oranges")),
        ],
    )  # fmt: skip
    def test_noun_phrases_agree(self, noun, adjectives, determiner, plural, expected):
        built = phrases.noun_phrase(
            lexicon.noun(noun),
            phrases.Determiner(determiner),
            plural,
            tuple(lexicon.adjective(word) for word in adjectives),
        )
        english = importlib.import_module("demo_corpus.english")
        assert (french.write(built.french), english.write(built.english)) == expected

    def test_possessive_before_a_vowel_and_of_numbers(self):
        mine = phrases.Determiner("possessive", "my")
        assert phrases.noun_phrase(lexicon.noun("amie"), mine).french == ("mon", "amie")
        apples = phrases.noun_phrase(lexicon.noun("pomme"), phrases.Determiner("number", number=21))
        assert french.write(apples.french) == "vingt et une pommes"
        assert apples.english == ("twenty-one", "apples")

    def test_owner_takes_the_contraction(self):
        cat = phrases.noun_phrase(lexicon.noun("chat"))
        voisin = lexicon.noun("voisin")
        one = phrases.of_owner(cat, phrases.noun_phrase(voisin))
        several = phrases.of_owner(cat, phrases.noun_phrase(voisin, plural=True))
        assert _text(clauses.Clause(one, verbs.verb("dormir"))) == (
            "Le chat du voisin dort.", "The neighbour's cat is sleeping."
        )  # fmt: skip
        assert _text(clauses.Clause(several, verbs.verb("dormir"))) == (
            "Le chat des voisins dort.", "The neighbours' cat is sleeping."
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("tense", "negation", "expected"),
        [
            ("present", "", ("Il mange.", "He is eating.")),
            ("present", "pas", ("Il ne mange pas.", "He is not eating.")),
            ("present", "jamais", ("Il ne mange jamais.", "He never eats.")),
            ("present", "plus", ("Il ne mange plus.", "He no longer eats.")),
            ("past", "", ("Il a mangé.", "He ate.")),
            ("past", "pas", ("Il n'a pas mangé.", "He did not eat.")),
            ("past", "jamais", ("Il n'a jamais mangé.", "He has never eaten.")),
            ("future", "pas", ("Il ne va pas manger.", "He is not going to eat.")),
        ],
    )
    def test_tense_and_negation(self, tense, negation, expected):
        assert _text(clauses.Clause(HE, verbs.verb("manger"), tense, negation)) == expected

    def test_participle_agrees_with_subject_clitic_or_fronted_object(self):
        went = clauses.Clause(I_FEMININE, verbs.ALLER, "past")
        assert _text(went) == ("Je suis allée.", "I went.")
        her = clauses.Clitic(("la",), ("her",), feminine=True)
        saw = clauses.Clause(HE, verbs.verb("voir"), "past", "pas", clitics=(her,))
        assert _text(saw) == ("Il ne l'a pas vue.", "He did not see her.")
        car = phrases.noun_phrase(lexicon.noun("voiture"), plural=True)
        bought = clauses.Clause(HE, verbs.verb("acheter"), "past", fronted=car)
        assert _text(bought) == ("Il a achetées.", "He bought.")

    def test_two_pronouns(self):
        frames = importlib.import_module("demo_corpus.frames")
        it, to_him = frames.THING_CLITICS[0], frames.INDIRECT_CLITICS[2]
        giving = clauses.Clause(WE, verbs.verb("donner"), clitics=frames.two_clitics(it, to_him))
        assert _text(giving) == ("Nous le lui donnons.", "We are giving it to him.")

    def test_questions_use_do_and_any(self):
        bread = phrases.noun_phrase(lexicon.noun("pain"), phrases.INDEFINITE)
        clause = clauses.Clause(HE, verbs.verb("manger"), "past", complements=(bread,))
        pair = sentences.finish(clauses.question(clause), "?")
        assert pair.french == "Est-ce qu'il a mangé du pain ?"
        assert pair.english == "Did he eat any bread?"

    def test_possessive_follows_the_subject(self):
        assert HE.own == "his"
        assert phrases.name("Marie", feminine=True).own == "her"
        assert phrases.noun_phrase(lexicon.noun("chat")).own == "its"
        assert phrases.noun_phrase(lexicon.noun("chat"), plural=True).own == "their"

    @pytest.mark.parametrize(
        ("infinitive", "forms"),
        [
            ("manger", "mange manges mange mangeons mangez mangent"),
            ("acheter", "achète achètes achète achetons achetez achètent"),
            ("lever", "lève lèves lève levons levez lèvent"),
            ("envoyer", "envoie envoies envoie envoyons envoyez envoient"),
            ("préparer", "prépare prépares prépare préparons préparez préparent"),
            ("rencontrer", "rencontre rencontres rencontre rencontrons rencontrez rencontrent"),
        ],
    )
    def test_regular_verbs(self, infinitive, forms):
        assert french.regular_present(infinitive) == tuple(forms.split())


class TestMaking:
    def test_command_writes_the_sizes_asked_for(self, tmp_path, capsys):
        sizes = ["--train", "300", "--dev", "20", "--test", "30", "--minimum", "0"]
        assert maker.main([*sizes, "--output", str(tmp_path), "--seed", "7"]) == 0
        counts = [len(_lines(tmp_path / f"{part}.en")) for part in PARTS]
        assert counts == [300, 20, 30]
        assert capsys.readouterr().out == ""

    def test_another_seed_gives_another_corpus(self):
        sizes = maker.Sizes(200, 20, 20, minimum=0)
        assert maker.make_corpus(3, sizes) == maker.make_corpus(3, sizes)
        assert maker.make_corpus(3, sizes) != maker.make_corpus(4, sizes)

    def test_too_small_a_train_part_is_explained(self, tmp_path, capsys):
        arguments = ["--train", "50", "--minimum", "5", "--output", str(tmp_path / "none")]
        assert maker.main(arguments) == 2
        assert "--train 50: too few pairs" in capsys.readouterr().err
        assert not (tmp_path / "none").exists()

    def test_two_translations_of_one_sentence_are_refused(self, monkeypatch):
        translations = iter(["He sees her.", "He sees it."])
        monkeypatch.setattr(
            maker, "random_pair", lambda _: maker.Pair("Il la voit.", next(translations))
        )
        with pytest.raises(maker.CorpusError, match="Two translations of: Il la voit"):
            maker.make_corpus(1, maker.Sizes(2, 0, 0, minimum=1))
