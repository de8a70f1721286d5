"""Draw the README's picture: the plan of the ASEAN sample on the map."""

from pathlib import Path

import matcher
from matcher.report.charts import flow_map
from matcher.report.drawing import png
from matcher.report.summary import summarize

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Solve the sample and write ``docs/images/plan.png``."""
    network = matcher.read(ROOT / "examples" / "asean-electronics")
    plan = matcher.solve(network, gap_limit=0.005)
    figure = flow_map(summarize(network, plan))
    assert figure is not None
    (ROOT / "docs" / "images" / "plan.png").write_bytes(png(figure))


if __name__ == "__main__":
    main()
