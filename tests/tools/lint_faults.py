"""Faulty chapters: for every rule of the lint, changes to the good chapter that this rule alone must find."""

from lint_chapter import (
    ALT,
    COLAB,
    COVER,
    FIRST_EXERCISE,
    LAST,
    PLOT,
    READ,
    START,
    TITLE,
    code,
    delete,
    insert,
    metadata,
    notebook,
    status,
    swap,
    text,
)
from nbformat.v4 import new_output

MUTATIONS = {
    "valid_format": [
        lambda nb: nb.update(nbformat=3),
        lambda nb: nb.update(nbformat_minor=4),
        lambda nb: nb.pop("nbformat"),
        lambda nb: nb.update(cells=3),
        lambda nb: nb.update(cells=[3]),
        lambda nb: nb.pop("metadata"),
        lambda nb: nb["cells"][READ].pop("id"),
        lambda nb: nb["cells"][READ].pop("outputs"),
        lambda nb: nb["cells"][READ].update(cell_type="heading"),
        lambda nb: nb["cells"][READ].update(source=None),
        metadata(READ, tags="cover"),
        swap(READ, "import torch", "[a](\ud800)"),
    ],
    "unique_ids": [lambda nb: nb["cells"][READ].update(id=nb["cells"][0]["id"])],
    "kernel_is_python3": [
        notebook(kernelspec={"name": "ir", "display_name": "R"}),
        lambda nb: nb["metadata"].pop("kernelspec"),
    ],
    "stripped": [
        lambda nb: nb["cells"][READ]["outputs"].append(dict(new_output("stream", text="1"))),
        lambda nb: nb["cells"][READ].update(execution_count=1),
        metadata(READ, execution={"iopub.execute_input": "2026"}),
        metadata(START, collapsed=True),
        notebook(widgets={}),
    ],
    "title_first": [insert(text("Welcome."), at=0), swap(TITLE, "# Light curves", "#")],
    "colab_cell": [
        swap(COLAB, "-q", "--quiet"),
        metadata(COLAB, tags=["colab"]),
        swap(COLAB, "import sys\n", "import sys\n\n"),
        swap(COLAB, "git+https://", "git+https://example."),
    ],
    "cover_cell": [metadata(COVER, **ALT), insert(code("1"), at=COVER)],
    "before_you_start": [
        delete(START),
        insert(text("## An early section"), at=START),
        swap(START, "**Data**", "Data"),
        lambda nb: (swap(START, "**Data**", "**X**")(nb), swap(START, "**You need**", "**Data**")(nb)),
        swap(START, "* to clean it\n", ""),
        swap(START, "* to clean it\n", "* to\n* clean\n* it\n* well\n"),
        swap(START, "|---|---|\n|", "\n"),
        swap(START, "|---|---|---|---|\n", "\n"),
        swap(START, "about one minute", " "),
        swap(START, "<!-- /last-run -->", ""),
        lambda nb: nb["cells"].insert(COVER, nb["cells"].pop(START)),
    ],
    "closing_sections": [
        swap(LAST, "## Summary\n\nGood.", "Good."),
        swap(LAST, "More.", ""),
        swap(LAST, "* A paper.", "<!-- later -->"),
        swap(LAST, "## References", "## Sources"),
        lambda nb: (
            swap(LAST, "Summary", "X")(nb),
            swap(LAST, "What's next", "Summary")(nb),
            swap(LAST, "X", "What's next")(nb),
        ),
        insert(text("## Afterthought\n\nOh."), at=LAST + 1),
        delete(LAST),
    ],
    "headings_in_order": [
        swap(TITLE, "# Light curves", "# Light curves\n\n# Again"),
        insert(text("#### Too deep")),
        insert(text("Underlined\n---")),
        insert(text("<h3>Not in the contents</h3>")),
    ],
    "exercises_numbered": [
        swap(FIRST_EXERCISE + 3, "Exercise 2", "Exercise 3"),
        swap(FIRST_EXERCISE, "Exercise 1:", "Exercise 1"),
        swap(FIRST_EXERCISE, "Exercise 1: count peaks", "Exercise: count peaks"),
        insert(text("### More\n\n#### Exercise 5: too deep\n"), at=LAST),
    ],
    "exercises_checkable": [
        swap(FIRST_EXERCISE + 1, "check.peaks(answer)", "answer"),
        swap(FIRST_EXERCISE + 2, "check.peaks(answer)", "answer"),
        delete(FIRST_EXERCISE + 1),
        delete(FIRST_EXERCISE + 2),
        metadata(FIRST_EXERCISE + 2, tags=["solution"]),
        metadata(FIRST_EXERCISE + 2, tags=["hide-cell"]),
        lambda nb: nb["cells"].insert(FIRST_EXERCISE + 1, nb["cells"].pop(FIRST_EXERCISE + 2)),
    ],
    "exercises_enough": [
        delete(FIRST_EXERCISE + 9, 3),
        swap(FIRST_EXERCISE + 9, "Open-Ended", "hard"),
        status("draft"),
        status(["complete"]),
        notebook(meteortut=3),
        lambda nb: nb["metadata"].pop("meteortut"),
        lambda nb: (
            delete(FIRST_EXERCISE, 12)(nb),
            swap(7, "## Exercises", "## Exercises\n\nSoon.")(nb),
            status("opening")(nb),
        ),
    ],
    "solutions_in_exercises": [metadata(READ, tags=["solution"]), metadata(START, tags=["solution"])],
    "alt_text_of_code": [
        metadata(PLOT),
        metadata(COVER, tags=["cover"]),
        metadata(PLOT, mystnb=3),
        *(
            metadata(PLOT, mystnb={"image": {"alt": alt}})
            for alt in ["too short", 3, "", " " * 30, "Figure figure, plot plot 12"]
        ),
        *(
            metadata(PLOT, mystnb={"image": {"alt": start + " a falling meteor"}})
            for start in ["Image of", "The figure of"]
        ),
        *(
            insert(code(source))
            for source in [
                "plt.figure()",
                "meteortut.plots.curve(x)",
                "frame.hist()",
                "axes[0].imshow(image)",
                "ConfusionMatrixDisplay.from_predictions(a, b)",
                "def show(ax):\n    ax.plot(x)\n\nshow(ax)",
                "%%time\nplt.plot(x)\nplt.savefig('x.png')",
                "for ax in axes.flat:\n    ax.errorbar(x, y)",
            ]
        ),
    ],
    "alt_text_of_markdown": [
        insert(text(source))
        for source in [
            "![](meteor.png)",
            "![figure](meteor.png)",
            "* ![Image of a meteor](meteor.png)",
            '<img src="meteor.png">',
            "A <img src='meteor.png' alt=''> here",
            "```{figure} meteor.png\n:width: 300\n\nA caption\n```",
            ":::{image} meteor.png\n:::",
            "![][m]\n\n[m]: meteor.png",
        ]
    ],
    "parses": [insert(code(source)) for source in ["x = (", "if True:\nx", "a\0b", "pip install numpy", "(" * 500]],
    "one_framework": [
        insert(code(source))
        for source in [
            "import tensorflow as tf",
            "import keras",
            "from tensorflow.keras import layers",
            "from meteortut import pipeline",
            "import meteortut.pipeline as p",
            "from meteortut.pipeline import build_cnn",
            "importlib.import_module('keras.layers')",
            "from importlib import import_module\nimport_module('meteortut.pipeline')",
            "def later():\n    import tensorflow",
        ]
    ],
    "relative_paths": [
        *(
            insert(code(f"x = {source}"))
            for source in [
                "'/home/me/x.csv'",
                "open('/tmp/x')",
                "Path('/tmp')",
                "'~/data'",
                r"r'C:\Users\me'",
                "'D:/data'",
                "f'/Users/{name}/x'",
                "'file:///x'",
                "'../shared/data'",
                "'../../book/../shared'",
                "Path('..') / '..' / 'shared'",
            ]
        ),
        insert(code("%run /home/me/script.py")),
        insert(text("See `/home/me/x.csv`.")),
        insert(text("Copy it to ~/data.")),
        insert(text("[data](../../shared/data/x.csv)")),
    ],
    "installs_only_on_colab": [
        insert(code(source))
        for source in [
            "!pip install numpy",
            "%pip install numpy",
            "%conda install numpy",
            "!apt-get install x",
            "!sudo apt install x",
            "!wget https://x.org/a",
            "files = !curl -O https://x.org/a",
            "!{sys.executable} -m pip install numpy",
            "!cd data && curl -O https://x.org/a",
            "%%bash\npip install numpy",
            "%%capture\n!pip install numpy",
            "if missing:\n    !pip install numpy",
            "subprocess.run([sys.executable, '-m', 'pip', 'install', 'numpy'], check=True)",
            "check_call('pip install numpy'.split())",
            "os.system('pip install numpy')",
        ]
    ],
    "short_cells": [insert(code("x = 1\n" * 31))],
    "no_bare_except": [insert(code("try:\n    x\nexcept:\n    pass"))],
    "no_global_seed": [
        insert(code(source))
        for source in [
            "np.random.seed(1)",
            "numpy.random.seed(1)",
            "import random\nrandom.seed(1)",
            "from random import seed",
        ]
    ],
}
