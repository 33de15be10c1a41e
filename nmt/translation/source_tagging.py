"""Tags of the texts that a model translates: the default ones, and those of each text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nmt.errors import UsageError
from nmt.tokenizers.source_tags import NO_SELECTION, TagInventory, TagSelection

if TYPE_CHECKING:
    from nmt.bundles.bundle import Bundle


@dataclass(frozen=True)
class SourceTagging:
    """Tags of the source texts of one model, or of the models of an ensemble.

    Attributes:
        inventories: The languages and tags of each model, with its name.
        default: The selection for texts that leave it open.
    """

    inventories: tuple[tuple[str, TagInventory], ...]
    default: TagSelection = NO_SELECTION

    @classmethod
    def of(cls, bundles: "Sequence[Bundle]") -> "SourceTagging":
        """Return the tagging for the models of bundles, without a default."""
        return cls(
            tuple(
                (str(bundle.path or bundle.config.name), TagInventory.of(bundle.config.data))
                for bundle in bundles
            )
        )

    @property
    def inventory(self) -> TagInventory:
        """The languages and tags of the first model."""
        return self.inventories[0][1]

    def with_default(self, selection: TagSelection, option: str = "`{}`") -> "SourceTagging":
        """Return the tagging with another default, which takes the place of what it selects.

        Args:
            selection: The selection.
            option: See `TagInventory.find_unknown`.

        Raises:
            UsageError: A model lacks the language or the tag.
        """
        for name, inventory in self.inventories:
            if problem := inventory.find_unknown(selection, option):
                raise UsageError(f"{name}: {problem}.")
        return replace(self, default=selection.or_else(self.default))

    def find_problem(
        self, selection: TagSelection = NO_SELECTION, option: str = "`{}`"
    ) -> str | None:
        """Return why a text with a selection cannot be translated, None where it can.

        Args:
            selection: The selection.
            option: See `TagInventory.find_unknown`.
        """
        selection = selection.or_else(self.default)
        names = self.inventory.names(selection)
        for name, inventory in self.inventories:
            if problem := inventory.find_problem(selection, option):
                return problem if len(self.inventories) == 1 else f"{name}: {problem}"
            if inventory.names(selection) != names:
                return (
                    f"{name}: has other languages than {self.inventories[0][0]}, so that its texts "
                    "have other tags. Use models of the same languages"
                )
        return None

    def check(self, selection: TagSelection = NO_SELECTION, option: str = "`{}`") -> None:
        """Check that a text with a selection can be translated.

        Args:
            selection: The selection.
            option: See `TagInventory.find_unknown`.

        Raises:
            UsageError: It cannot be translated.
        """
        if problem := self.find_problem(selection, option):
            raise UsageError(f"{problem}.")

    def select(
        self, texts: Sequence[str], selections: Sequence[TagSelection] | None = None
    ) -> list[TagSelection]:
        """Return the complete selection of each text.

        A blank text needs none.

        Args:
            texts: The texts.
            selections: The selection of each text. None: the default.

        Raises:
            UsageError: A text cannot be translated, or the numbers differ.
        """
        selections = [NO_SELECTION] * len(texts) if selections is None else selections
        if len(selections) != len(texts):
            raise UsageError(
                f"{len(texts)} texts but {len(selections)} tags; give one for each text"
            )
        pairs = zip(texts, selections, strict=True)
        for selection in dict.fromkeys(selection for text, selection in pairs if text.strip()):
            self.check(selection)
        return [selection.or_else(self.default) for selection in selections]

    def names(self, selections: Sequence[TagSelection]) -> list[tuple[str, ...]]:
        """Return the names of the tags of each text.

        Args:
            selections: The complete selection of each text.
        """
        return [self.inventory.names(selection) for selection in selections]

    def languages(
        self, texts: Sequence[str], selections: Sequence[TagSelection] | None = None
    ) -> list[str]:
        """Return the target languages of texts that are not blank, each once.

        Args:
            texts: The texts.
            selections: See `select`.
        """
        pairs = zip(texts, self.select(texts, selections), strict=True)
        return list(dict.fromkeys(self.language(each) for text, each in pairs if text.strip()))

    def language(self, selection: TagSelection) -> str:
        """Return the target language of a complete selection, the first where it is left open."""
        return selection.to or self.inventory.target_languages[0]

    @property
    def target_language(self) -> str:
        """The target language of the default.

        Raises:
            UsageError: The model has several languages, and the default leaves them open.
        """
        if self.inventory.has_language_tags and self.default.to is None:
            self.check()
        return self.language(self.default)
