"""`elman cells`: list the cells, or show one."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from elman.cli.options import Size, parse_sizes
from elman.cli.show import print_rows
from elman.errors import ConfigError

if TYPE_CHECKING:
    from elman.expr import Cell


def show_cells(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE.py:NAME", help="show one cell", show_default=False)
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="print its equations as LaTeX, and nothing else")] = False,
    input_size: Annotated[
        int | None, typer.Option("--input", help="size of the input [dim](default: 64)[/]", show_default=False)
    ] = None,
    hidden: Annotated[int, typer.Option(help="size of the hidden state")] = 256,
    layers: Annotated[int, typer.Option(help="number of layers", min=1)] = 1,
    size: Size = None,
) -> None:
    """List the cells, or show the equations of one and count its parameters."""
    from elman import cells

    if name is None:
        if latex:
            raise ConfigError("--latex prints the equations of one cell. Name it: elman cells lstm --latex")
        print_rows(*((known, _first_line(cells.find(known))) for known in cells.names()))
        return
    cell = cells.find(name)
    if latex:
        typer.echo(cell.latex())
        return
    if input_size is None:
        input_size = hidden if cell.ties else 64
    _show(cell, _count(cell, input_size, hidden, layers, parse_sizes(size)))


def _count(cell: "Cell", input_size: int, hidden: int, layers: int, named: dict[str, int]) -> str:
    """Describe the number of parameters of a stack of the cell, or which sizes are missing to compute it."""
    missing = [size for size in cell.open_sizes if size not in named]
    if missing:
        return f"depends on {', '.join(missing)}: add {' '.join(f'--size {size}=N' for size in missing)}"
    output = cell.sizes(input_size, hidden, named)[cell.state_size(cell.states[0])]
    total = cell.count(input_size, hidden, named) + (layers - 1) * cell.count(output, hidden, named)
    sizes = {"input": input_size, "hidden": hidden, **named}
    stack = f", {layers} layers" if layers > 1 else ""
    return f"{total:,} for {', '.join(f'{size} {number}' for size, number in sizes.items())}{stack}"


def _show(cell: "Cell", count: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(cell.name, style="bold"), Text(_first_line(cell)))
    console.print(Text("\n" + "\n".join(f"    {line}" for line in cell.equations().splitlines()) + "\n", style="cyan"))
    parameters = Table.grid(padding=(0, 3))
    for parameter in cell.parameters:
        rows = f"{len(parameter.members)}·" if len(parameter.members) > 1 else ""
        shape = f"({rows}{' × '.join(parameter.shape)})"
        parameters.add_row(parameter.name, shape, f"{parameter.role}: {', '.join(parameter.members)}")
    starts = [("starts", "; ".join(f"{f} between {low:g} and {high:g}" for f, low, high in cell.starts))]
    sides = [("side inputs", f"{', '.join(cell.sides)}, one number per time step, by --side")] if cell.sides else []
    print_rows(
        *sides,
        ("states", ", ".join(cell.states)),
        ("gates", ", ".join(cell.gates()) or "none"),
        *(starts if cell.starts else []),
        ("count", count),
        ("", ""),
    )
    console.print(parameters)


def _first_line(cell: "Cell") -> str:
    return cell.doc.strip().splitlines()[0] if cell.doc.strip() else ""
