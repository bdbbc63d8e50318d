"""Tables in Markdown."""
from typing import Any, Sequence


def markdown_table(head: Sequence[str],
                   rows: Sequence[Sequence[Any]],
                   text_columns: int = 1) -> str:
    """A table with its columns lined up.

    Args:
        head (Sequence[str]): Titles of the columns
        rows (Sequence[Sequence]): The cells of each row
        text_columns (int): How many columns from the left hold text; the
            others are aligned to the right. Defaults to 1
    """
    lines = [list(map(str, row)) for row in (head, *rows)]
    width = [max(3, *map(len, column)) for column in zip(*lines)]
    rule = ['-' * w if i < text_columns else '-' * (w - 1) + ':'
            for i, w in enumerate(width)]
    return '\n'.join(
        f'| {" | ".join(c.ljust(w) for c, w in zip(line, width))} |'
        for line in (lines[0], rule, *lines[1:]))
