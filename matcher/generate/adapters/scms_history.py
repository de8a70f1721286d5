"""What was really bought, and how a plan compares with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from matcher.generate.adapters.scms import choose_lines
from matcher.generate.adapters.scms_lines import read_lines
from matcher.network import Network

LARGEST_MOVES = 20


def scms_history(
    path: str | Path, *, years: Collection[int] = (2010,), countries: Collection[str] | None = None
) -> pl.DataFrame:
    """What was really bought: one row for each demand of the network of the same choice.

    Returns
    -------
    polars.DataFrame
        ``demand``, ``supplier`` (the manufacturing site), ``vendor``, ``component``, ``country``,
        ``mode``, ``term``, ``quantity`` (packs); ``value``, ``freight`` (null if unknown),
        ``insurance`` in US dollars; ``freight_basis``; ``ordered`` (null if not captured),
        ``scheduled``, ``delivered``; sorted by demand.
    """
    chosen = choose_lines(read_lines(path), Path(path).name, years, countries)
    return chosen.select(
        "demand",
        "supplier",
        "vendor",
        "country",
        "mode",
        "term",
        "quantity",
        "value",
        "freight",
        "freight_basis",
        "ordered",
        "scheduled",
        "delivered",
        component="item",
        insurance=pl.col("insurance").fill_null(0.0),
    ).sort("demand")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan beside what was really bought.

    Parameters
    ----------
    lines
        One row a demand; see `compare`.
    num_compared
        Demands whose two costs can be set against each other: covered in full by the plan, and
        with a known freight.
    bought_cost, planned_cost
        Landed cost of those, in US dollars.
    num_unmet
        Demands of which the plan leaves a part open.
    num_freight_unknown
        Demands whose freight was invoiced separately.
    num_same_supplier
        Compared demands that the plan gives, in full, to the site that really made them.
    saving_elsewhere
        The part of the saving, in US dollars, on the compared demands that the plan gives to
        another site. The rest comes from prices and freight that differ from the site's usual
        ones.
    num_bought_late
        Demands that were really delivered after their scheduled date.
    """

    lines: pl.DataFrame
    num_compared: int
    bought_cost: float
    planned_cost: float
    num_unmet: int
    num_freight_unknown: int
    num_same_supplier: int
    saving_elsewhere: float
    num_bought_late: int

    @property
    def saving(self) -> float:
        """Bought less planned cost of the compared demands, in US dollars."""
        return self.bought_cost - self.planned_cost

    @property
    def saving_share(self) -> float:
        """The saving as a share of what was paid; 0 if nothing can be compared."""
        return self.saving / self.bought_cost if self.bought_cost else 0.0

    @property
    def verdict(self) -> str:
        """The comparison in a sentence."""
        if not self.num_compared:
            return "No order line can be compared: none is covered in full with a known freight."
        direction = "less" if self.saving >= 0 else "more"
        return (
            f"With hindsight of the year's prices, the {self.num_compared} lines that can be "
            f"compared cost {abs(self.saving):,.0f} US dollars ({abs(self.saving_share):.1%}) "
            f"{direction} than the {self.bought_cost:,.0f} that were paid; "
            f"{self.num_same_supplier} stay with the site that made them."
        )

    def write(self, path: str | Path) -> None:
        """Write the comparison as Markdown, with every line as CSV beside it."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.with_suffix(".csv")
        self.lines.write_csv(lines)
        figures = (
            ("Lines compared", f"{self.num_compared}"),
            ("Paid for them", f"{self.bought_cost:,.0f} USD"),
            ("Planned for them", f"{self.planned_cost:,.0f} USD"),
            ("Saved by another site", f"{self.saving_elsewhere:,.0f} USD"),
            (
                "Saved at the same site (its usual price and freight)",
                f"{self.saving - self.saving_elsewhere:,.0f} USD",
            ),
            ("Lines not covered in full", f"{self.num_unmet}"),
            ("Lines whose freight was not recorded", f"{self.num_freight_unknown}"),
            ("Lines delivered late at the time", f"{self.num_bought_late}"),
        )
        moves = (
            self.lines.drop_nulls("saving")
            .filter(pl.col("planned_from") != pl.col("bought_from"))
            .sort("saving", "demand", descending=[True, False])
            .head(LARGEST_MOVES)
        )
        text = [
            "# The plan beside what was really bought",
            "",
            self.verdict,
            "",
            "| figure | value |",
            "|---|---:|",
            *(f"| {name} | {value} |" for name, value in figures),
            "",
            "The plan knows the year's median prices beforehand, which the buyers did not: "
            "this is what hindsight is worth at most.",
            "",
            f"## The {moves.height} largest moves",
            "",
            "| line | item | to | bought from | planned from | paid, USD | planned, USD |",
            "|---|---|---|---|---|---:|---:|",
        ]
        for row in moves.iter_rows(named=True):
            cells = [
                str(row[name]).replace("|", "\\|")
                for name in ("demand", "component", "country", "bought_from", "planned_from")
            ]
            text.append(
                f"| {' | '.join(cells)} | {row['bought_cost']:,.0f} | {row['planned_cost']:,.0f} |"
            )
        text += ["", f"Every line is in {lines.name}."]
        path.write_text("\n".join(text) + "\n", encoding="utf-8")


def compare(network: Network, plan_awards: pl.DataFrame, history: pl.DataFrame) -> Comparison:
    """Set a plan beside what was really bought.

    Parameters
    ----------
    network
        The network that was planned.
    plan_awards
        ``demand``, ``supplier``, ``quantity``, ``landed_cost_per_unit`` (network currency) and
        ``arrival_date``; one row an award, as in `matcher.plan.Plan`.
    history
        From `scms_history`, with the same choice of lines.

    Returns
    -------
    Comparison
        Its ``lines`` have ``demand``, ``component``, ``country``, ``quantity``, ``due``;
        ``bought_from``, ``bought_cost`` (value + freight + insurance, null if the freight is
        unknown), ``delivered``, ``days_late``; ``planned_from`` (sites, separated by ";"),
        ``planned_quantity``, ``planned_cost``, ``planned_arrival`` (the last); ``saving``, null
        where the two cannot be compared.

    Notes
    -----
    The plan knows the year's prices beforehand and the buyers did not, so the saving is what
    hindsight was worth at most, not what a planner would have had in hand.
    """
    planned = plan_awards.group_by("demand").agg(
        planned_from=pl.col("supplier").cast(pl.String).unique().sort().str.join(";"),
        planned_quantity=pl.col("quantity").sum(),
        planned_cost=(pl.col("quantity") * pl.col("landed_cost_per_unit")).sum(),
        planned_arrival=pl.col("arrival_date").max(),
    )
    demands = network.demands.select("demand", "due")
    both = (
        history.join(demands, on="demand")
        .join(planned, on="demand", how="left")
        .select(
            "demand",
            "component",
            "country",
            "quantity",
            "due",
            bought_from="supplier",
            bought_cost=pl.col("value") + pl.col("freight") + pl.col("insurance"),
            delivered="delivered",
            days_late=(pl.col("delivered") - pl.col("scheduled")).dt.total_days(),
            planned_from="planned_from",
            planned_quantity=pl.col("planned_quantity").fill_null(0.0),
            planned_cost=pl.col("planned_cost").fill_null(0.0),
            planned_arrival="planned_arrival",
        )
        .sort("demand")
    )
    is_met = pl.col("planned_quantity") >= pl.col("quantity") * (1 - 1e-6)
    lines = both.with_columns(
        saving=pl.when(is_met).then(pl.col("bought_cost") - pl.col("planned_cost"))
    )
    compared = lines.drop_nulls("saving")
    same = compared.filter(pl.col("planned_from") == pl.col("bought_from"))
    return Comparison(
        lines=lines,
        num_compared=compared.height,
        bought_cost=float(compared["bought_cost"].sum()),
        planned_cost=float(compared["planned_cost"].sum()),
        num_unmet=lines.filter(~is_met).height,
        num_freight_unknown=lines["bought_cost"].null_count(),
        num_same_supplier=same.height,
        saving_elsewhere=float(compared["saving"].sum()) - float(same["saving"].sum()),
        num_bought_late=lines.filter(pl.col("days_late") > 0).height,
    )
