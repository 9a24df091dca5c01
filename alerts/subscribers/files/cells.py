"""Cells as a spreadsheet must not take them for a formula, and as they come back. Pure."""

# As wide as some keyboards write them, too: spreadsheets in Japanese take those for the same.
_WIDE = ("\uff1d", "\uff0b", "\uff0d", "\uff20")
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r", "\n", *_WIDE)


def with_formula_mark(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe stands before it."""
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA_MARKS) else cell


def without_formula_mark(cell: str) -> str:
    """Return what a cell was before `with_formula_mark`."""
    formula = cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA_MARKS)
    return cell[1:] if formula else cell
