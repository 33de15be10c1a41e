"""Download public corpora and prepare them for the configurations of configs/.

    python scripts/get_data.py --list
    python scripts/get_data.py multi30k iwslt15.en-vi
    python scripts/get_data.py wmt14.en-de --from /where/the/archives/are

Each corpus becomes a folder of data/ with texts NAME.LANGUAGE.gz: UTF-8, a sentence a line, as many
lines on either side. Downloads are kept in data/downloads. The same command resumes an interrupted
download. Few publishers give checksums, so that of the first copy is recorded in checksums.txt,
beside the downloads and beside the texts. Every later copy must match it.

With --from nothing is fetched. Files are looked for in that folder and those below it: archives,
their contents, or prepared texts. Corpora whose dev is cut from train do not take prepared texts.
The next commands go to stdout.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from corpora.catalogue import corpus_of, known_corpora
from corpora.corpus_types import MEGABYTE, Corpus
from corpora.fetching import RetryPolicy
from corpora.line_sources import DownloadedFiles, LocalFiles
from corpora.preparing import Prepared, find_prepared_texts, prepare

from nmt.config.load import load_config
from nmt.console import say, set_quiet, warn
from nmt.errors import NmtError, UsageError
from nmt.runtime.lock import hold_lock

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
CONFIGS = ROOT / "configs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare the corpora and print the next commands.

    Returns:
        The exit code.
    """
    options = _options(arguments)
    set_quiet(options.quiet)
    try:
        if options.list:
            print(catalogue_table(known_corpora()))
            return 0
        if not options.corpus:
            raise UsageError("name a corpus, or --list to see them.")
        for corpus in [corpus_of(name) for name in options.corpus]:
            texts = _prepare_corpus(corpus, options)
            folder = options.output / corpus.name
            for text in texts:
                say(f"  {text.name} ({' - '.join(text.languages)}): {text.pairs:,} pairs")
            for command in next_commands(corpus, texts, folder):
                print(command)
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped: the same command goes on where it was.", file=sys.stderr)
        return 130
    return 0


def _prepare_corpus(corpus: Corpus, options: argparse.Namespace) -> list[Prepared]:
    folder: Path = options.output / corpus.name
    downloads: Path = options.downloads or options.output / "downloads"
    say(f"{corpus.name}: {corpus.about}\nlicence: {corpus.licence}; see {corpus.site}")
    if not options.force and (texts := find_prepared_texts(corpus, folder)):
        say(f"{folder}: there already, and as it was")
        return texts
    retry_policy = RetryPolicy(options.timeout, options.retries)
    locations = (
        LocalFiles(options.source) if options.source else DownloadedFiles(downloads, retry_policy)
    )
    lock = options.output / ".get_data.lock"  # one lock for all, as corpora share downloads
    with hold_lock(lock, "corpora here", "give another folder by --output"):
        return prepare(corpus, locations, folder, options.replace_bad_utf8)


def next_commands(corpus: Corpus, texts: Sequence[Prepared], folder: Path) -> list[str]:
    """Return the commands that use a prepared corpus, one a line.

    Args:
        corpus: The corpus.
        texts: Its prepared texts.
        folder: The folder of the texts.
    """
    data_root = () if folder.parent == DATA else (f"data.root={folder}",)
    settings = (*corpus.settings, *data_root)
    if corpus.configs:
        set_options = [word for setting in settings for word in ("--set", setting)]
        return [
            shlex.join(["nmt", "train", f"configs/{config}", *set_options])
            for config in corpus.configs
            if _has_texts(config, settings)
        ]
    commands = []
    for text in texts:
        source, target = (
            shlex.quote(f"{folder / text.name}.{language}.gz") for language in text.languages
        )
        commands.append(f"nmt translate --input {source} | nmt score --ref {target}")
    return commands


def _has_texts(config: str, settings: Sequence[str]) -> bool:
    """Return whether the train and dev texts of a configuration are there. Warn where not."""
    data = load_config(CONFIGS / config, settings).data
    corpora = [corpus for corpora in (data.train, data.dev or ()) for corpus in corpora]
    files = [path for corpus in corpora for path in (*corpus.source, *corpus.target)]
    for path in files:
        if not path.is_file():
            warn(f"configs/{config} needs {path}, which is not there.")
            return False
    return True


def catalogue_table(corpora: Sequence[Corpus]) -> str:
    """Return a listing of corpora: name, content, size of the downloads, licence and source."""
    parts = []
    for corpus in corpora:
        size = sum(download.size for download in corpus.downloads)
        size_text = f"{size / MEGABYTE:,.0f} MB" if size > MEGABYTE else "1 MB"
        parts.append(
            f"{corpus.name}\n    {corpus.about}\n    about {size_text} to download; "
            f"{corpus.licence}\n    from {corpus.site}"
        )
    parts.append(
        "sacrebleu:SET:PAIR\n    any test set of sacreBLEU, such as sacrebleu:wmt14/full:en-de; "
        "`sacrebleu --list` tells them"
    )
    return "\n".join(parts)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", nargs="*", help="what to get; --list tells the names")
    parser.add_argument("--list", action="store_true", help="corpora, sizes, licences, sources")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="DIR", help="a folder of files already there"
    )
    parser.add_argument(
        "--output", type=Path, default=DATA, metavar="DIR", help="where the texts go [data]"
    )
    parser.add_argument(
        "--downloads", type=Path, metavar="DIR", help="where downloads are kept [data/downloads]"
    )
    parser.add_argument("--force", action="store_true", help="prepare anew what is there")
    parser.add_argument(
        "--replace-bad-utf8", action="store_true", help="bytes that are not UTF-8 become U+FFFD"
    )
    parser.add_argument("--retries", type=int, default=6, help="in vain, of one file [6]")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="of a server [60]")
    parser.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
