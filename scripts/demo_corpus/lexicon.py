"""The nouns, adjectives, names, numerals, places and times. Verbs are in verbs.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from demo_corpus import english, french


@dataclass(frozen=True)
class Noun:
    """One noun in both languages.

    Attributes:
        french: The French singular.
        english: The English singular.
        feminine: Whether it is feminine in French.
        tags: The kinds that it belongs to (food, surface, person ...).
    """

    french: str
    english: str
    feminine: bool
    tags: frozenset[str] = field(repr=False)

    @property
    def nature(self) -> str:
        """The nature: person, animal or thing. It decides on he or it, his or its, who or that."""
        if self.tags & {"person", "kin"}:
            return "person"
        return "animal" if "animal" in self.tags else "thing"

    def french_form(self, plural: bool) -> str:
        """Return the French noun in the singular or the plural."""
        return french.plural_noun(self.french) if plural else self.french

    def english_words(self, plural: bool) -> tuple[str, ...]:
        """Return the English noun in the singular or the plural, one item a word."""
        *before, last = self.english.split()
        return (*before, english.plural_noun(last) if plural else last)


@dataclass(frozen=True)
class Adjective:
    """One adjective in both languages.

    Attributes:
        french: The French masculine singular.
        english: The English adjective.
        place: The position in French: before, colour, after or state.
        tags: The kinds of nouns that it suits.
    """

    french: str
    english: str
    place: str
    tags: frozenset[str] = field(repr=False)

    def english_for(self, noun: Noun) -> str:
        """Return the English word beside a noun: grand is tall for people and big for things."""
        if noun.nature == "person":
            return _BESIDE_PEOPLE.get((self.french, "kin" in noun.tags), self.english)
        return self.english


@dataclass(frozen=True)
class Phrase:
    """Words that mean the same in both languages.

    Attributes:
        french: The French words.
        english: The English words.
    """

    french: tuple[str, ...]
    english: tuple[str, ...]


@dataclass(frozen=True)
class Time(Phrase):
    """A time expression.

    Attributes:
        tenses: The tenses that it goes with.
        habit: Whether it states a habit, for which English has the simple present.
    """

    tenses: frozenset[str] = field(repr=False)
    habit: bool = False


@dataclass(frozen=True)
class Destination:
    """A place, with its English phrases.

    Attributes:
        french: The French phrase, for being and for going there.
        at: The English phrase for being there.
        to: The English phrase for going there.
    """

    french: str
    at: str
    to: str

    @property
    def being_there(self) -> Phrase:
        """The phrase for being there: à la gare / at the station."""
        return phrase(self.french, self.at)

    @property
    def going_there(self) -> Phrase:
        """The phrase for going there: à la gare / to the station."""
        return phrase(self.french, self.to)


_BESIDE_PEOPLE = {
    ("grand", False): "tall",
    ("grand", True): "big",
    ("petit", False): "little",
    ("petit", True): "little",
}

# French, gender, English, tags. "one": never in the plural. "mass": not counted.
_NOUN_TABLE = """
homme m man person
femme f woman person
garçon m boy person
fille f girl person
enfant m child person
voisin m neighbour person
voisine f neighbour person
ami m friend person friend
amie f friend person friend
professeur m teacher person job
médecin m doctor person job
étudiant m student person job
étudiante f student person job
boulanger m baker person job
facteur m postman person job
fermier m farmer person job
serveur m waiter person job
serveuse f waitress person job
chanteuse f singer person job
dame f lady person
frère m brother kin sibling
sœur f sister kin sibling
père m father kin one
mère f mother kin one
oncle m uncle kin one
tante f aunt kin one
cousin m cousin kin sibling
cousine f cousin kin sibling
grand-père m grandfather kin one
grand-mère f grandmother kin one
fils m son kin one
fille f daughter kin one
chat m cat animal pet
chien m dog animal pet
oiseau m bird animal pet
lapin m rabbit animal pet
souris f mouse animal pet
poule f hen animal farm
cheval m horse animal farm
vache f cow animal farm
mouton m sheep animal farm
canard m duck animal farm
cochon m pig animal farm
table f table thing surface
chaise f chair thing surface
lit m bed thing surface
tapis m mat thing surface
bureau m desk thing surface
étagère f shelf thing top
canapé m sofa thing surface
panier m basket thing container
boîte f box thing container openable
sac m bag thing container openable
tiroir m drawer thing container openable
armoire f wardrobe thing container openable
valise f suitcase thing container openable portable
porte f door thing openable landmark
fenêtre f window thing openable landmark
jardin m garden thing room
cuisine f kitchen thing room
chambre f bedroom thing room
salon m living room thing room
garage m garage thing room
maison f house thing building
école f school thing building
gare f station thing building
église f church thing building
musée m museum thing building
hôpital m hospital thing building
hôtel m hotel thing building
restaurant m restaurant thing building
arbre m tree thing landmark
pont m bridge thing landmark
rivière f river thing landmark
livre m book thing readable written portable
journal m newspaper thing readable portable
lettre f letter thing readable written sent portable
histoire f story readable told written
chanson f song told written
film m film watched
stylo m pen thing portable
clé f key thing portable small
téléphone m phone thing portable small
montre f watch thing portable small
photo f photo thing portable sent
cadeau m present thing portable sent
ballon m ball thing portable
lampe f lamp thing portable
billet m ticket thing portable small
ordinateur m computer thing portable
parapluie m umbrella thing portable
voiture f car thing vehicle
vélo m bike thing vehicle
bateau m boat thing vehicle
train m train thing train
avion m plane thing train
chapeau m hat thing clothing portable
manteau m coat thing clothing portable
chemise f shirt thing clothing portable
robe f dress thing clothing portable
écharpe f scarf thing clothing portable
chaussure f shoe thing clothing paired
fleur f flower thing portable
assiette f plate thing dish portable
tasse f cup thing dish portable
verre m glass thing dish portable
couteau m knife thing dish portable
bouteille f bottle thing dish portable
pomme f apple food portable
orange f orange food portable
poire f pear food portable
fraise f strawberry food portable
tomate f tomato food portable
gâteau m cake food cooked portable
œuf m egg food portable
sandwich m sandwich food cooked portable
pain m bread mass food
fromage m cheese mass food
viande f meat mass food
soupe f soup mass food cooked
riz m rice mass food
chocolat m chocolate mass food
beurre m butter mass food
eau f water mass drink plain
lait m milk mass drink plain
café m coffee mass drink cooked
thé m tea mass drink cooked
vin m wine mass drink
"""

# French, English, position, tags of the nouns it suits beside the noun or as "is ...".
_ADJECTIVE_TABLE = """
petit small before thing animal person sibling portable
grand big before thing animal person sibling
vieux old before thing animal person friend
beau beautiful before thing animal
nouveau new before thing
bon good before food mass told readable watched friend job
mauvais bad before watched told readable
jeune young before person animal
joli pretty before thing
long long before told readable river
noir black colour thing animal
blanc white colour thing animal
gris grey colour thing animal
brun brown colour thing animal
rouge red colour thing
bleu blue colour thing
vert green colour thing
jaune yellow colour thing
français French colour readable watched told vehicle person
anglais English colour readable watched told vehicle person
italien Italian colour readable watched told vehicle person
sale dirty after clothing dish vehicle room furniture paired animal
propre clean after clothing dish vehicle room
vide empty after container dish room
cher expensive after vehicle clothing portable paired
lourd heavy after container surface
léger light after container clothing
ouvert open after openable
fermé closed after openable
cassé broken after vehicle dish small surface
chaud hot after mass
froid cold after mass
délicieux delicious after food mass
sucré sweet after food
intéressant interesting after readable watched told
ennuyeux boring after readable watched told
difficile difficult after readable
amusant funny after readable watched told person
intelligent intelligent after person animal
gentil kind after person
riche rich after person
pauvre poor after person
célèbre famous after person
courageux brave after person
timide shy after person animal
heureux happy state person
triste sad state person
fatigué tired state person animal
malade ill state person
occupé busy state person
prêt ready state person
inquiet worried state person
fier proud state person
"""

_COLOURLESS = {"job", "kin"}


def nouns(*tags: str) -> tuple[Noun, ...]:
    """Return all nouns with at least one of the tags, in the order of the table."""
    return tuple(noun for noun in NOUNS if noun.tags & set(tags))


def noun(word: str, tag: str = "") -> Noun:
    """Return the noun with that French word.

    Args:
        word: The French singular.
        tag: A tag that it must have, for words with two meanings (fille, femme).
    """
    return next(n for n in NOUNS if n.french == word and (not tag or tag in n.tags))


def adjectives_for(noun: Noun, *places: str) -> tuple[Adjective, ...]:
    """Return the adjectives that suit a noun.

    Args:
        noun: The noun.
        *places: The positions of the adjectives.
    """
    return tuple(a for a in ADJECTIVES if a.place in places and a.tags & noun.tags)


def adjective(word: str) -> Adjective:
    """Return the adjective with that French masculine form."""
    return next(a for a in ADJECTIVES if a.french == word)


def phrase(french_text: str, english_text: str) -> Phrase:
    """Return a fixed phrase.

    Args:
        french_text: The French words, separated by spaces.
        english_text: The English words, separated by spaces.
    """
    return Phrase(tuple(french_text.split()), tuple(english_text.split()))


def _read_nouns() -> tuple[Noun, ...]:
    rows = []
    for line in _NOUN_TABLE.strip().split("\n"):
        word, gender, *rest = line.split()
        english_words = rest[:1] if rest[:2] != ["living", "room"] else rest[:2]
        tags = frozenset(rest[len(english_words) :])
        rows.append(Noun(word, " ".join(english_words), gender == "f", tags))
    return tuple(rows)


def _read_adjectives() -> tuple[Adjective, ...]:
    rows = (line.split() for line in _ADJECTIVE_TABLE.strip().split("\n"))
    return tuple(Adjective(row[0], row[1], row[2], frozenset(row[3:])) for row in rows)


def _time(french_text: str, english_text: str, tenses: str, habit: bool = False) -> Time:
    fixed = phrase(french_text, english_text)
    return Time(fixed.french, fixed.english, frozenset(tenses.split()), habit)


NOUNS = _read_nouns()
ADJECTIVES = _read_adjectives()

MEN = ("Paul", "Pierre", "Lucas", "Thomas")
WOMEN = ("Marie", "Julie", "Sophie", "Claire")

NUMERALS: tuple[tuple[int, str, str], ...] = (
    (2, "deux", "two"),
    (3, "trois", "three"),
    (4, "quatre", "four"),
    (5, "cinq", "five"),
    (6, "six", "six"),
    (7, "sept", "seven"),
    (8, "huit", "eight"),
    (9, "neuf", "nine"),
    (10, "dix", "ten"),
    (11, "onze", "eleven"),
    (12, "douze", "twelve"),
    (13, "treize", "thirteen"),
    (14, "quatorze", "fourteen"),
    (15, "quinze", "fifteen"),
    (16, "seize", "sixteen"),
    (17, "dix-sept", "seventeen"),
    (18, "dix-huit", "eighteen"),
    (19, "dix-neuf", "nineteen"),
    (20, "vingt", "twenty"),
    (21, "vingt et un", "twenty-one"),
    (30, "trente", "thirty"),
    (40, "quarante", "forty"),
    (50, "cinquante", "fifty"),
    (100, "cent", "one hundred"),
)

_WEEKDAYS = (
    ("lundi", "Monday"),
    ("mardi", "Tuesday"),
    ("jeudi", "Thursday"),
    ("samedi", "Saturday"),
    ("dimanche", "Sunday"),
)

TIMES: tuple[Time, ...] = (
    _time("hier", "yesterday", "past imperfect"),
    _time("hier soir", "last night", "past imperfect"),
    _time("la semaine dernière", "last week", "past imperfect"),
    _time("l'année dernière", "last year", "past imperfect"),
    _time("demain", "tomorrow", "future"),
    _time("demain matin", "tomorrow morning", "future"),
    _time("ce soir", "this evening", "future"),
    _time("la semaine prochaine", "next week", "future"),
    _time("l'année prochaine", "next year", "future"),
    _time("aujourd'hui", "today", "present past"),
    _time("ce matin", "this morning", "present past imperfect"),
    _time("maintenant", "now", "present"),
    _time("chaque matin", "every morning", "present", habit=True),
    _time("chaque soir", "every evening", "present", habit=True),
    _time("tous les jours", "every day", "present", habit=True),
    *(_time(f"le {fr}", f"on {en}s", "present", habit=True) for fr, en in _WEEKDAYS),
    *(_time(f"{fr} dernier", f"last {en}", "past") for fr, en in _WEEKDAYS),
    *(_time(f"{fr} prochain", f"next {en}", "future") for fr, en in _WEEKDAYS),
)

DESTINATIONS: tuple[Destination, ...] = (
    Destination("au marché", "at the market", "to the market"),
    Destination("au cinéma", "at the cinema", "to the cinema"),
    Destination("au restaurant", "at the restaurant", "to the restaurant"),
    Destination("au musée", "at the museum", "to the museum"),
    Destination("au travail", "at work", "to work"),
    Destination("à l'école", "at school", "to school"),
    Destination("à l'hôtel", "at the hotel", "to the hotel"),
    Destination("à l'hôpital", "at the hospital", "to the hospital"),
    Destination("à la gare", "at the station", "to the station"),
    Destination("à la plage", "at the beach", "to the beach"),
    Destination("à la maison", "at home", "home"),
    Destination("à la bibliothèque", "at the library", "to the library"),
    Destination("chez le médecin", "at the doctor's", "to the doctor's"),
    Destination("en ville", "in town", "to town"),
    Destination("à Paris", "in Paris", "to Paris"),
    Destination("à Lyon", "in Lyon", "to Lyon"),
    Destination("à Londres", "in London", "to London"),
    Destination("en France", "in France", "to France"),
    Destination("en Italie", "in Italy", "to Italy"),
    Destination("au Canada", "in Canada", "to Canada"),
    Destination("au Japon", "in Japan", "to Japan"),
)

CITIES = ("Paris", "Lyon", "Londres")

# The kinds of nouns that a preposition goes with.
PREPOSITIONS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("sur", "on", frozenset({"surface", "top"})),
    ("sous", "under", frozenset({"surface"})),
    ("dans", "in", frozenset({"container", "room"})),
    ("devant", "in front of", frozenset({"landmark"})),
    ("derrière", "behind", frozenset({"landmark"})),
    ("près de", "near", frozenset({"landmark", "surface"})),
)


def times_for(tense: str, habits: bool = True) -> Sequence[Time]:
    """Return the time expressions that go with a tense.

    Args:
        tense: The tense.
        habits: Whether habits are among them.
    """
    return tuple(t for t in TIMES if tense in t.tenses and (habits or not t.habit))
