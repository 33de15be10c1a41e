"""Write configs/small.yaml, medium.yaml and large.yaml.

    python scripts/write_templates.py

They are the choices of `nmt init` for corpora of typical sizes. Run the script when the rules or
their figures change.
"""

from pathlib import Path

from nmt.config.recommend.render import TEMPLATES, render_template
from nmt.runtime.atomic_files import write_text

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def main() -> None:
    """Write all templates."""
    for name in TEMPLATES:
        path = CONFIGS / f"{name}.yaml"
        write_text(path, render_template(name))
        print(path)


if __name__ == "__main__":
    main()
