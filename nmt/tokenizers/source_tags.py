"""Tags of source texts: tokens that no text contains, for a language, a domain or an origin.

A tag stands before the tokens of a source. With a tag of the target language, one model translates
into several languages (Johnson et al. 2017). A tag of the origin tells back-translated text from
other text (Caswell et al. 2019). In the tokenizer, a tag is a control piece such as `<2de>`.
"""

from collections.abc import Sequence

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
    pieces = {piece.text: token for token, piece in enumerate(tokenizer.read_model().pieces)}
    for tag in tags:
        if tag_piece(tag) not in pieces:
            raise ConfigError(
                f"the tokenizer of the source has no tag {tag_piece(tag)}. Train one with this tag "
                "in `data.train`; for `training.init_from`, set `training.init_vocabulary: extend`."
            )
    return [pieces[tag_piece(tag)] for tag in tags]
