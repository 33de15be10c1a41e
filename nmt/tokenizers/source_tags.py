"""Tags of source texts: tokens that no text contains, for a language, a domain or an origin.

A tag stands before the tokens of a source. With a tag of the target language, one model translates
into several languages (Johnson et al. 2017). A tag of the origin tells back-translated text from
other text (Caswell et al. 2019). In the tokenizer, a tag is a control piece such as `<2de>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nmt.config.settings.data import LANGUAGE_TAG, DataSettings, language_tag
from nmt.errors import ConfigError
from nmt.tokenizers.sentencepiece_model import (
    PIECE_FIELD,
    Piece,
    PieceKind,
    read_model,
    write_field,
    write_piece,
)
from nmt.tokenizers.tokenizer import Tokenizer


def tag_piece(tag: str) -> str:
    """Return the piece of a tag, such as `<2de>` for `2de`."""
    return f"<{tag}>"


def tag_name(piece: str) -> str:
    """Return the name of the tag that a piece stands for, such as `2de` for `<2de>`."""
    return piece.removeprefix("<").removesuffix(">")


def add_tags(model: bytes, tags: Sequence[str], name: str) -> bytes:
    """Return a tokenizer's model with tags as its last pieces.

    A tag that is a piece already, such as a user symbol, stays where it is.

    Args:
        model: The bytes of the model file.
        tags: The names of the tags.
        name: The name of the model in errors.

    Raises:
        ModelError: The model is damaged.
    """
    if not tags:
        return model
    known = {piece.text for piece in read_model(model, name).pieces}
    added = [Piece(tag_piece(tag), 0.0, PieceKind.CONTROL) for tag in tags]
    # A field of the file that occurs several times, such as that of a piece, may stand anywhere.
    return model + b"".join(
        write_field(PIECE_FIELD, write_piece(piece)) for piece in added if piece.text not in known
    )


def tag_ids(tokenizer: Tokenizer, tags: Sequence[str]) -> list[int]:
    """Return the token ids of tags.

    Args:
        tokenizer: The tokenizer of the source.
        tags: The names of the tags.

    Raises:
        ConfigError: The tokenizer lacks a tag.
    """
    ids = []
    for tag in tags:
        token = tokenizer.find_piece(tag_piece(tag))
        if token is None:
            raise ConfigError(
                f"the tokenizer of the source has no tag {tag_piece(tag)}. Train one with this tag "
                "in `data.train`; for `training.init_from`, set `training.init_vocabulary: extend`."
            )
        ids.append(token)
    return ids


class TagSelection(NamedTuple):
    """A selection of the target language and of the tag of source texts.

    Attributes:
        to: The target language. None: the default, or the only one.
        tag: The name of the tag. None: the default, or none.
    """

    to: str | None = None
    tag: str | None = None

    def or_else(self, default: "TagSelection") -> "TagSelection":
        """Return the selection with the values of `default` for those that it leaves open."""
        return TagSelection(
            default.to if self.to is None else self.to,
            default.tag if self.tag is None else self.tag,
        )

    @classmethod
    def from_names(cls, names: Sequence[str]) -> "TagSelection":
        """Return the selection of the tags of a corpus, given their names."""
        to = [name.removeprefix(LANGUAGE_TAG) for name in names if name.startswith(LANGUAGE_TAG)]
        tags = [name for name in names if not name.startswith(LANGUAGE_TAG)]
        return cls(next(iter(to), None), next(iter(tags), None))


NO_SELECTION = TagSelection()
"""The selection that leaves both open."""


@dataclass(frozen=True)
class TagInventory:
    """The languages and tags of a model.

    Attributes:
        source_languages: The source languages.
        target_languages: The target languages.
        tags: The names of the tags besides those of the target languages.
        requires_tag: Whether every source has such a tag.
    """

    source_languages: tuple[str, ...]
    target_languages: tuple[str, ...]
    tags: tuple[str, ...]
    requires_tag: bool

    @classmethod
    def of(cls, data: DataSettings) -> "TagInventory":
        """Return the languages and tags of a model with these data settings."""
        tags = tuple(tag for tag in data.tags if not tag.startswith(LANGUAGE_TAG))
        return cls(data.source_languages, data.target_languages, tags, data.requires_tag)

    @property
    def language_pair(self) -> list[str]:
        """The names of the source and the target languages, several as one text."""
        return [", ".join(self.source_languages), ", ".join(self.target_languages)]

    @property
    def has_language_tags(self) -> bool:
        """Whether each source starts with a tag of its target language."""
        return len(self.target_languages) > 1

    @property
    def choices(self) -> tuple[str, ...]:
        """What a text chooses: `to` among several languages, and `tag` among the tags."""
        return ("to",) * self.has_language_tags + ("tag",) * bool(self.tags)

    def names(self, selection: TagSelection) -> tuple[str, ...]:
        """Return the names of the tags of a selection without a problem, in their order."""
        tags = []
        if self.has_language_tags and selection.to is not None:
            tags.append(language_tag(selection.to))
        return (*tags, selection.tag) if selection.tag is not None else tuple(tags)

    def find_unknown(self, selection: TagSelection, option: str = "`{}`") -> str | None:
        """Return why the model lacks a language or a tag of a selection, None where it has both.

        Args:
            selection: The selection.
            option: The form of the names `to` and `tag` in the text, such as `--{}`.
        """
        to, tag = selection
        if to is not None and to not in self.target_languages:
            only = "" if self.has_language_tags else " only"
            known = ", ".join(self.target_languages)
            return f"{option.format('to')} {to:.80}: this model translates into {known}{only}"
        if tag is not None and tag not in self.tags:
            known = f"the tags of this model are {', '.join(self.tags)}"
            shown = known if self.tags else "this model has no tags"
            return f"{option.format('tag')} {tag:.80}: {shown}"
        return None

    def find_problem(self, selection: TagSelection, option: str = "`{}`") -> str | None:
        """Return why the model cannot translate with a selection, None where it can.

        Args:
            selection: The selection.
            option: See `find_unknown`.
        """
        if unknown := self.find_unknown(selection, option):
            return unknown
        if self.has_language_tags and selection.to is None:
            known = ", ".join(self.target_languages)
            return f"this model translates into {known}: choose one with {option.format('to')}"
        if self.requires_tag and selection.tag is None:
            known = ", ".join(self.tags)
            return f"this model needs a tag ({known}): choose one with {option.format('tag')}"
        return None
