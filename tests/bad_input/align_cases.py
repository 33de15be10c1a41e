"""What align is given."""

import damage
from stage import case

_G = "align -m runs/tiny -s source.txt -t ref.txt"
_F = "align fwd.align bwd.align --symmetrise union"
_FILES = {"fwd.align": b"0-0 1-1\n0-0\n", "bwd.align": b"0-0\n\n"}

ALIGN = [
    case(
        "a source and a target of other lengths",
        "align -m runs/tiny -s dev.fr -t ref.txt",
        3,
        "line counts differ: dev.fr: 20, ref.txt: 2",
    ),
    case("source missing, for align", "align -s none.txt -t ref.txt", 3, "none.txt: there is no"),
    case(
        "a target without its source",
        "align -m runs/tiny -t ref.txt",
        2,
        "give both texts: --source",
    ),
    case("model path wrong, for align", "align -m none -s source.txt", 4, "none: is neither"),
    case(
        "a target that is not UTF-8",
        _G,
        3,
        "ref.txt: line 2: not valid UTF-8",
        files={"ref.txt": b"One.\na \xff\n"},
    ),
    case(
        "a symmetrisation that is none",
        _F.replace("union", "grow"),
        2,
        "'grow' is not one of",
        files=_FILES,
    ),
    case("symmetrised in one direction", _G + " --symmetrise union", 2, "--reverse-model PATH"),
    case(
        "two directions that are not put together",
        _G + " --reverse-model runs/tiny",
        2,
        "--reverse-model is for --symmetrise",
    ),
    case("one file of alignments to symmetrise", "align a --symmetrise union", 2, "give one file"),
    case("two files of alignments", "align fwd.align bwd.align", 2, "two with --symmetrise"),
    case(
        "a model and files of alignments",
        _F + " -m runs/tiny",
        2,
        "--model aligns texts, but files of alignments are given",
        files=_FILES,
    ),
    case("a model for the aligner", _G + " --aligner hmm", 2, "leave --model out"),
    case("an aligner that is none", "align --aligner giza", 2, "'giza' is not one of"),
    case("the aligner without texts", "align --aligner hmm -s source.txt", 2, "give both texts"),
    case(
        "the aligner by subwords",
        "align --aligner hmm -s source.txt -t ref.txt --subwords",
        2,
        "--subwords are a model's",
    ),
    case(
        "nothing to align",
        "align --aligner hmm -s source.txt -t ref.txt",
        3,
        "there is nothing to align",
        files={"source.txt": b"\na\n", "ref.txt": b"b\n\n"},
    ),
    case("a threshold above one", _G + " --threshold 2", 2, "--threshold"),
    case("weights of symmetrised links", _F + " --soft", 2, "--soft", files=_FILES),
    case("weights twice", _G + " --soft --json", 2, "--json has all weights"),
    case("two forms of alignments", _G + " --tsv --json", 2, "--tsv and --json are two forms"),
    case(
        "alignments of other lengths",
        _F,
        3,
        "line counts differ: fwd.align: 1, bwd.align: 2",
        files={**_FILES, "fwd.align": b"0-0\n"},
    ),
    case(
        "alignments with what is no link",
        _F,
        3,
        "bwd.align: line 2: '1:1' is no link",
        files={**_FILES, "bwd.align": b"0-0\n1:1\n"},
        out=1,
    ),
    case(
        "alignments with weights",
        "align fwd.align",
        3,
        "fwd.align: line 1: '0-0:0.5' is no link",
        files={"fwd.align": b"0-0:0.5\n"},
    ),
    case(
        "alignments with possible links",
        "align fwd.align",
        3,
        "fwd.align: line 1: has links that are only possible",
        files={"fwd.align": b"0-0 1?1\n"},
    ),
    case(
        "a link of 5000 digits",
        "align fwd.align",
        3,
        "is no link",
        files={"fwd.align": b"1" * 5000 + b"-0\n"},
    ),
    case(
        "alignments cut off in gzip",
        "align ref.txt",
        3,
        "ref.txt: damaged gzip",
        files={"ref.txt": damage.packed_half},
    ),
    case(
        "gold of other length",
        "align fwd.align --gold gold",
        3,
        "line counts differ: gold: 1, alignments: 2",
        files={**_FILES, "gold": b"0-0\n"},
    ),
    case(
        "gold counted from 1, not told",
        "align fwd.align --gold gold",
        0,
        "add --one-indexed",
        files={**_FILES, "gold": b"1-1\n1-1\n"},
        out=1,
    ),
    case(
        "gold counted from 1, not told, beyond the sentence",
        _G + " --gold gold",
        3,
        "gold: line 1: a link to source word 3 (counted from 0), but the source has 3 words",
        files={"gold": b"3-1\n1-1\n"},
    ),
    case(
        "gold counted from 0, told otherwise",
        "align fwd.align --gold gold --one-indexed",
        3,
        "gold: line 2: '0p0' has a 0, but --one-indexed",
        files={**_FILES, "gold": b"1-1\n0p0\n"},
    ),
    case(
        "gold for translations that are yet to be found",
        "align -m runs/tiny -s source.txt --gold gold",
        2,
        "--gold needs given translations",
    ),
    case("one-indexed without gold", _G + " --one-indexed", 2, "--one-indexed goes with --gold"),
]
