"""The verbs of both languages, with their objects and tenses."""

from dataclasses import dataclass, field

from demo_corpus import french
from demo_corpus.english import EnglishVerb


@dataclass(frozen=True)
class Verb:
    """A French verb and its English.

    Attributes:
        infinitive: The French infinitive.
        present: The French present of je, tu, il, nous, vous, ils.
        participle: The French past participle.
        english: The English verb.
        objects: The tags of nouns that may be its direct object.
        tags: The kinds of complements and clauses that the verb goes with.
    """

    infinitive: str
    present: tuple[str, ...] = field(repr=False)
    participle: str = field(repr=False)
    english: EnglishVerb = field(repr=False)
    objects: frozenset[str] = field(repr=False)
    tags: frozenset[str] = field(repr=False)

    @property
    def action(self) -> bool:
        """Whether the English present is progressive (is eating), not simple (sees)."""
        return "state" not in self.tags

    @property
    def with_etre(self) -> bool:
        """Whether the passé composé takes être, with a participle that agrees."""
        return "être" in self.tags or self.reflexive

    @property
    def reflexive(self) -> bool:
        """Whether the verb is reflexive: se lever, se coucher."""
        return "reflexive" in self.tags

    @property
    def takes_person(self) -> bool:
        """Whether a person may be the direct object."""
        return "person" in self.objects

    def tenses(self) -> tuple[str, ...]:
        """Return the tenses of the verb. An event (find, lose) has no natural present."""
        return ("past", "future") if "event" in self.tags else ("present", "past", "future")


def verbs(tag: str) -> tuple[Verb, ...]:
    """Return all verbs with that tag."""
    return tuple(verb for verb in VERBS if tag in verb.tags)


def verb(infinitive: str) -> Verb:
    """Return the verb with that infinitive."""
    return next(v for v in VERBS if v.infinitive == infinitive)


def _verb(
    infinitive: str,
    english: str,
    tags: str,
    objects: str = "",
    forms: str = "",
    participle: str = "",
) -> Verb:
    base, past, perfect, *particle = english.split()
    return Verb(
        infinitive,
        tuple(forms.split()) or french.regular_present(infinitive),
        participle or infinitive[:-2] + "é",
        EnglishVerb(base, past, perfect, tuple(particle)),
        frozenset(objects.split()),
        frozenset(tags.split()),
    )


ETRE = _verb("être", "be was been", "state", "", "suis es est sommes êtes sont", "été")
AVOIR = _verb("avoir", "have had had", "state", "", "ai as a avons avez ont", "eu")
# avoir faim, avoir vingt ans: to be hungry, to be twenty years old.
AVOIR_AS_BE = _verb("avoir", "be was been", "state", "", "ai as a avons avez ont", "eu")
ALLER = _verb("aller", "go went gone", "motion être", "", "vais vas va allons allez vont")
POUVOIR = _verb(
    "pouvoir", "can could -", "state", "", "peux peux peut pouvons pouvez peuvent", "pu"
)
DEVOIR = _verb("devoir", "must - -", "state", "", "dois dois doit devons devez doivent", "dû")
VOULOIR = _verb(
    "vouloir", "want wanted wanted", "state", "", "veux veux veut voulons voulez veulent", "voulu"
)

# The imperfect is used for these two only.
IMPERFECT = {
    "être": ("étais", "étais", "était", "étions", "étiez", "étaient"),
    "avoir": ("avais", "avais", "avait", "avions", "aviez", "avaient"),
}

# Verb, English (base past participle [particle]), tags, tags of its objects, present, participle.
VERBS: tuple[Verb, ...] = (
    _verb("manger", "eat ate eaten", "transitive", "food"),
    _verb(
        "boire",
        "drink drank drunk",
        "transitive",
        "drink",
        "bois bois boit buvons buvez boivent",
        "bu",
    ),
    _verb(
        "lire", "read read read", "transitive", "readable", "lis lis lit lisons lisez lisent", "lu"
    ),
    _verb(
        "écrire",
        "write wrote written",
        "transitive",
        "written",
        "écris écris écrit écrivons écrivez écrivent",
        "écrit",
    ),
    _verb("acheter", "buy bought bought", "transitive", "portable vehicle clothing food mass"),
    _verb(
        "vendre",
        "sell sold sold",
        "transitive",
        "vehicle portable farm food",
        "vends vends vend vendons vendez vendent",
        "vendu",
    ),
    _verb("porter", "wear wore worn", "transitive", "clothing paired"),
    _verb("laver", "wash washed washed", "transitive", "vehicle clothing dish pet"),
    _verb("préparer", "make made made", "transitive", "cooked"),
    _verb(
        "ouvrir",
        "open opened opened",
        "transitive",
        "openable",
        "ouvre ouvres ouvre ouvrons ouvrez ouvrent",
        "ouvert",
    ),
    _verb("fermer", "close closed closed", "transitive", "openable"),
    _verb("réparer", "repair repaired repaired", "transitive", "vehicle surface openable"),
    _verb("dessiner", "draw drew drawn", "transitive", "animal building landmark"),
    _verb("cacher", "hide hid hidden", "transitive", "portable"),
    _verb("chercher", "look looked looked for", "transitive", "person portable pet small"),
    _verb(
        "attendre",
        "wait waited waited for",
        "transitive",
        "person train",
        "attends attends attend attendons attendez attendent",
        "attendu",
    ),
    _verb("regarder", "watch watched watched", "transitive", "person watched animal train"),
    _verb("écouter", "listen listened listened to", "transitive", "person told"),
    _verb("aider", "help helped helped", "transitive", "person"),
    _verb("inviter", "invite invited invited", "transitive event", "person"),
    _verb("rencontrer", "meet met met", "transitive event", "person"),
    _verb("trouver", "find found found", "transitive event", "portable small pet"),
    _verb(
        "perdre",
        "lose lost lost",
        "transitive event",
        "portable small",
        "perds perds perd perdons perdez perdent",
        "perdu",
    ),
    _verb("casser", "break broke broken", "transitive event", "dish small surface"),
    _verb(
        "choisir",
        "choose chose chosen",
        "transitive event",
        "clothing food watched vehicle",
        "choisis choisis choisit choisissons choisissez choisissent",
        "choisi",
    ),
    _verb(
        "prendre",
        "take took taken",
        "transitive",
        "train small",
        "prends prends prend prenons prenez prennent",
        "pris",
    ),
    _verb(
        "voir",
        "see saw seen",
        "transitive state",
        "person animal building watched",
        "vois vois voit voyons voyez voient",
        "vu",
    ),
    _verb(
        "connaître",
        "know knew known",
        "transitive state present",
        "person told readable",
        "connais connais connaît connaissons connaissez connaissent",
        "connu",
    ),
    _verb("aimer", "like liked liked", "taste state"),
    _verb("adorer", "love loved loved", "taste state"),
    _verb("détester", "hate hated hated", "taste state"),
    _verb("donner", "give gave given", "giving", "portable"),
    _verb("montrer", "show showed shown", "giving", "portable vehicle"),
    _verb("envoyer", "send sent sent", "giving", "sent"),
    _verb("apporter", "bring brought brought", "giving", "portable dish"),
    _verb("parler", "speak spoke spoken to", "addressing"),
    _verb("téléphoner", "phone phoned phoned", "addressing"),
    _verb(
        "répondre",
        "reply replied replied to",
        "addressing",
        "",
        "réponds réponds répond répondons répondez répondent",
        "répondu",
    ),
    _verb(
        "dormir",
        "sleep slept slept",
        "intransitive lasting",
        "",
        "dors dors dort dormons dormez dorment",
        "dormi",
    ),
    _verb("travailler", "work worked worked", "intransitive lasting human"),
    _verb("chanter", "sing sang sung", "intransitive human"),
    _verb("danser", "dance danced danced", "intransitive human"),
    _verb("jouer", "play played played", "intransitive lasting"),
    _verb("pleurer", "cry cried cried", "intransitive human lasting"),
    _verb(
        "courir",
        "run ran run",
        "intransitive",
        "",
        "cours cours court courons courez courent",
        "couru",
    ),
    _verb("habiter", "live lived lived", "living lasting state"),
    _verb(
        "venir",
        "come came come",
        "origin être state",
        "",
        "viens viens vient venons venez viennent",
        "venu",
    ),
    _verb("arriver", "arrive arrived arrived", "staying être"),
    _verb("rester", "stay stayed stayed", "staying être"),
    _verb(
        "partir",
        "leave left left",
        "leaving être",
        "",
        "pars pars part partons partez partent",
        "parti",
    ),
    _verb("lever", "get got got up", "reflexive state"),
    _verb("coucher", "go went gone to bed", "reflexive state"),
    _verb("réveiller", "wake woke woken up", "reflexive state"),
    _verb("promener", "go went gone for a walk", "reflexive"),
    _verb("dire", "say said said", "saying state", "", "dis dis dit disons dites disent", "dit"),
    _verb("penser", "think thought thought", "saying state"),
    _verb(
        "savoir",
        "know knew known",
        "saying state present",
        "",
        "sais sais sait savons savez savent",
        "su",
    ),
)
