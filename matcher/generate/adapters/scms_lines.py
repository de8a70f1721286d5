"""The order lines of the SCMS delivery history: read, typed, and every gap in them named.

The file is the public delivery history of USAID's Supply Chain Management System, which bought
medicines and tests against HIV and malaria. Users bring their own copy of it.

What is special about it:

- weight and freight belong to a shipment (column ASN/DN #). They stand on one of its lines; the
  others say ``See ASN-93 (ID#:1281)``. They are shared out by weight, see `read_lines`.
- weight may be ``Weight Captured Separately``; freight may be ``Freight Included in Commodity
  Cost``, or ``Invoiced Separately`` and so unknown.
- dates of orders may be ``Date Not Captured`` or ``N/A - From RDC``.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import polars as pl

from matcher.errors import InputError, Issue

ITEM, ORDERED, WEIGHT, FREIGHT = (
    "Item Description",
    "PO Sent to Vendor Date",
    "Weight (Kilograms)",
    "Freight Cost (USD)",
)
INCLUDED, SEPARATE, NO_WEIGHT, NO_DATE, FROM_STOCK = (
    "Freight Included in Commodity Cost",
    "Invoiced Separately",
    "Weight Captured Separately",
    "Date Not Captured",
    "N/A - From RDC",
)
DIRECT = "Direct Drop"
MODE = {"Air": "air", "Air Charter": "air", "Ocean": "sea", "Truck": "road"}

_NUMBERS = {
    "Line Item Quantity": "quantity",
    "Line Item Value": "value",
    "Line Item Insurance (USD)": "insurance",
}
_DATES = {"Scheduled Delivery Date": "scheduled", "Delivered to Client Date": "delivered"}
_TEXTS = {
    "ID": "line",
    "Project Code": "project",
    "ASN/DN #": "shipment",
    "Country": "country",
    "Fulfill Via": "fulfilled",
    "Vendor INCO Term": "term",
    "Product Group": "group",
    "Sub Classification": "class",
    "Vendor": "vendor",
    ITEM: "item",
    "Dosage Form": "form",
    "Manufacturing Site": "site",
}
COLUMNS = (*_TEXTS, *_NUMBERS, *_DATES, "Shipment Mode", ORDERED, WEIGHT, FREIGHT)
"""The columns of the file that are used; it may have more."""


def read_lines(path: str | Path) -> pl.DataFrame:
    """Every order line of the file, typed, one row each.

    Parameters
    ----------
    path
        The CSV file of the delivery history.

    Returns
    -------
    polars.DataFrame
        Beside the file's own values: ``supplier``, ``origin`` (place) and ``origin_economy`` of
        the manufacturing site, null where it is unknown; ``destination`` and
        ``destination_economy`` of the country; ``unit_kg``, kg per pack of the item, and
        ``unit_kg_basis``, where that comes from; ``kg``, quantity × kg per pack; ``freight``, the
        line's part of the shipment's freight by ``kg`` in US dollars, null if unknown, and
        ``freight_basis`` (stated, included, separate); ``mode`` and ``ordered``, null where not
        stated.

    Raises
    ------
    InputError
        The file is absent, or is not the SCMS delivery history.

    Notes
    -----
    The weight of an item is the median of weight ÷ quantity over shipments of one line; else the
    median of items of the same product group and dosage form, of the same group, or of all.
    """
    raw = _read(Path(path))
    lines = _typed(raw, Path(path).name)
    lines = lines.join(_sites(), on="site", how="left").join(_countries(), on="country", how="left")
    lines = lines.with_columns(on_shipment=pl.len().over("shipment"))
    lines = _with_weights(lines)
    return _with_freight(lines).sort("line")


def _read(path: Path) -> pl.DataFrame:
    name = path.name
    if not path.is_file():
        raise _wrong(
            "no_such_path",
            name,
            None,
            str(path),
            "is not a file",
            "give the CSV file of the SCMS delivery history",
        )
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong(
            "wrong_encoding",
            name,
            None,
            None,
            f"is not UTF-8 ({error.reason})",
            "save the file as CSV in UTF-8",
        ) from None
    try:
        raw = pl.read_csv(text.encode(), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _wrong(
            "bad_csv",
            name,
            None,
            None,
            "is not a CSV file: " + str(error).split("\n")[0],
            "give the CSV file of the SCMS delivery history",
        ) from None
    missing = [column for column in COLUMNS if column not in raw.columns]
    if missing:
        raise InputError(
            [
                Issue(
                    code="missing_column",
                    table=name,
                    row=1,
                    column=column,
                    problem="is not among the file's columns",
                    fix="give the SCMS delivery history as published, with its header",
                )
                for column in missing
            ]
        )
    if raw.is_empty():
        raise _wrong(
            "empty_table",
            name,
            None,
            None,
            "holds no order lines",
            "give the SCMS delivery history as published",
        )
    return raw.select(pl.all().str.strip_chars())


def _wrong(
    code: str, table: str, column: str | None, value: str | None, problem: str, fix: str
) -> InputError:
    return InputError(
        [Issue(code=code, table=table, column=column, value=value, problem=problem, fix=fix)]
    )


# long: every column of the data set has a line
def _typed(raw: pl.DataFrame, name: str) -> pl.DataFrame:
    """Texts, numbers and dates; a cell that is neither of its kind nor a known gap is an issue."""

    def number(column: str) -> pl.Expr:
        return pl.col(column).str.replace_all(",", "").cast(pl.Float64, strict=False)

    # An order date is written 3/19/10 in one edition and 19-Mar-10 in another.
    ordered = pl.coalesce(
        pl.col(ORDERED).str.to_date("%m/%d/%y", strict=False),
        pl.col(ORDERED).str.to_date("%d-%b-%y", strict=False),
    )
    reference = r"^See (?:ASN|DN)-\d+ \(ID#:\d+\)$"
    lines = raw.select(
        *(pl.col(column).alias(to) for column, to in _TEXTS.items()),
        *(number(column).alias(to) for column, to in _NUMBERS.items()),
        *(
            pl.col(column).str.to_date("%d-%b-%y", strict=False).alias(to)
            for column, to in _DATES.items()
        ),
        ordered.alias("ordered"),
        pl.col("Shipment Mode").replace_strict(MODE, default=None).alias("mode"),
        number(WEIGHT).alias("shipment_kg"),
        number(FREIGHT).alias("shipment_freight"),
        pl.when(number(FREIGHT).is_not_null() | pl.col(FREIGHT).str.contains(reference))
        .then(pl.lit("stated"))
        .when(pl.col(FREIGHT) == INCLUDED)
        .then(pl.lit("included"))
        .when(pl.col(FREIGHT) == SEPARATE)
        .then(pl.lit("separate"))
        .otherwise(pl.lit("missing"))
        .alias("freight_basis"),
        pl.col(WEIGHT).alias("weight_text"),
        pl.col(ORDERED).alias("ordered_text"),
    )
    unreadable = {
        **{
            column: lines[to].is_null()
            for column, to in (_NUMBERS | _DATES).items()
            if to != "insurance"
        },
        "Line Item Insurance (USD)": lines["insurance"].is_null()
        & raw["Line Item Insurance (USD)"].is_not_null(),
        "Line Item Quantity": (lines["quantity"].is_null() | (lines["quantity"] <= 0)),
        ORDERED: lines["ordered"].is_null() & ~raw[ORDERED].is_in([NO_DATE, FROM_STOCK]),
        WEIGHT: lines["shipment_kg"].is_null()
        & (raw[WEIGHT] != NO_WEIGHT)
        & ~raw[WEIGHT].str.contains(reference),
        FREIGHT: lines["freight_basis"] == "missing",
    }
    issues = [
        Issue(
            code="wrong_type",
            table=name,
            row=row + 2,
            column=column,
            value=raw[column][row],
            problem="is neither a value nor one of the file's words for a missing one",
            fix="give the SCMS delivery history as published",
        )
        for column, bad in unreadable.items()
        for row in bad.fill_null(value=True).arg_true().head(20)
    ]
    if issues:
        raise InputError(issues)
    return lines


def _table(file: str) -> pl.DataFrame:
    return pl.read_csv((files("matcher.generate.adapters") / file).read_bytes())


def site_table() -> pl.DataFrame:
    """The manufacturing sites named in the file, with the town each lies in.

    A site without a supplier is reserved: the file does not say where it is.
    """
    return _table("scms_sites.csv")


def country_table() -> pl.DataFrame:
    """The countries named in the file; each is served at its capital or main port of entry."""
    return _table("scms_countries.csv")


def _sites() -> pl.DataFrame:
    return site_table().select("site", "supplier", origin="place", origin_economy="economy")


def _countries() -> pl.DataFrame:
    return country_table().select("country", destination="place", destination_economy="economy")


def _with_weights(lines: pl.DataFrame) -> pl.DataFrame:
    alone = (pl.col("on_shipment") == 1) & (pl.col("shipment_kg") > 0)
    lines = lines.with_columns(
        weighed=pl.when(alone).then(pl.col("shipment_kg") / pl.col("quantity"))
    )
    steps = {"item": ["item"], "group and form": ["group", "form"], "group": ["group"]}
    lines = lines.with_columns(
        *(
            pl.col("weighed").median().over(keys).alias(f"kg by {step}")
            for step, keys in steps.items()
        ),
        # 100 g a pack where a file states no weight at all.
        pl.col("weighed").median().fill_null(0.1).alias("kg by all"),
    )
    basis = pl.lit("all")
    for step in reversed(steps):
        basis = pl.when(pl.col(f"kg by {step}").is_not_null()).then(pl.lit(step)).otherwise(basis)
    found = [f"kg by {step}" for step in (*steps, "all")]
    return (
        lines.with_columns(unit_kg=pl.coalesce(found), unit_kg_basis=basis)
        .with_columns(kg=pl.col("quantity") * pl.col("unit_kg"))
        .drop("weighed", *found)
    )


def _with_freight(lines: pl.DataFrame) -> pl.DataFrame:
    """Each line's part of its shipment's freight, by weight among the lines that share it."""
    shares = pl.col("freight_basis") == "stated"
    kg = pl.when(shares).then(pl.col("kg"))
    total = pl.col("shipment_freight").sum().over("shipment")
    is_known = pl.col("shipment_freight").count().over("shipment") > 0
    return lines.with_columns(
        freight=pl.when(shares & is_known)
        .then(kg / kg.sum().over("shipment") * total)
        .when(pl.col("freight_basis") == "included")
        .then(pl.lit(0.0))
    )
