"""Train a character model on English text that comes with Python, show its progress, and let it write: `make demo`.

The text is Python's own help (`pydoc_data.topics`). Training takes two minutes, whatever the machine; a faster one
reads more of the text in that time.
"""

import math
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics

from elman.phrases import format_duration
from elman.tasks import generate

FOLDER = Path("build/demo")
TIME_BUDGET = "2m"
BAR = 48


def main(folder: Path = FOLDER, time_budget: str = TIME_BUDGET) -> None:
    """Write the text, train on it, and show the results."""
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    text_file = folder / "python_help.txt"
    model_file = folder / "python_help.elman.safetensors"
    text = "\n\n".join(topics[name].strip() for name in sorted(topics)) + "\n"
    text_file.write_text(text, encoding="utf-8")

    heading(f"Training an LSTM on {len(text):,} characters of Python's help, for {time_budget} at most")
    print("From time to time: the loss, and after the bars what the model writes at that moment.", flush=True)
    try:
        model = generate.train(
            text_file, window=48, epochs="auto", time_budget=time_budget, output=model_file, force=True
        )
    except KeyboardInterrupt:
        print("\nInterrupted before there was a model")
        sys.exit(130)
    if model.stopped == "interrupted":
        print(f"\nInterrupted; the best model so far is in {model_file}")
        sys.exit(130)

    heading("How the loss fell (bits per character, on the last tenth of the text, which is never trained on)")
    draw_losses(model.metrics["history"], characters=len(model.vocabulary))

    heading("What it writes now, after the prompt “The ”")
    print("The ", end="")
    for character in model.generate("The ", length=400, temperature=0.7, seed=1):
        print(character, end="", flush=True)
    print()

    heading(f"Done in {format_duration(time.perf_counter() - start)}. Two files were written")
    print(f"  {text_file}  the text")
    print(f"  {model_file}  the model ({model.parameters:,} parameters)")
    suggest(text_file, model_file)


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n── {text}", flush=True)


def draw_losses(history: list[list[float]], characters: int) -> None:
    """Draw one bar for guessing and for each of at most ten validations (update, training and validation loss)."""
    chosen = history[:: -(-len(history) // 9)]
    if chosen[-1] is not history[-1]:
        chosen.append(history[-1])
    guessing = math.log2(characters)
    for label, loss in [("guessing", guessing), *((f"update {row[0]}", row[2] / math.log(2)) for row in chosen)]:
        print(f"  {label:>13}  {'█' * round(BAR * loss / guessing):<{BAR}}  {loss:.2f}")


def suggest(text_file: Path, model_file: Path) -> None:
    """Print commands to try next, with paths that work from the current folder."""
    python = from_here(Path(sys.executable))
    script = Path(sys.executable).with_name("elman")
    command = from_here(script) if script.exists() else f"{python} -m elman"
    own_cell = from_here(Path(__file__).resolve().with_name("gru_without_reset.py"))
    own_model = text_file.with_name("own_cell.elman.safetensors")
    heading("What to try next")
    print(f'  {command} generate {model_file} --prompt "The import statement " --temperature 0.5')
    print(f'  {python} -c "import this" | {command} evaluate {model_file} -')
    print(f"  {command} cells lstm")
    print(f"  {command} train generate {text_file} --cell {own_cell}:gru_without_reset --time-budget 2m -o {own_model}")
    print(f"  {command} train generate YOUR_TEXT.txt")


def from_here(path: Path) -> str:
    """Return a path relative to the current folder if it lies in it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    main()
