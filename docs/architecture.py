#!/usr/bin/env python3
"""Draws architecture.svg:  python3 docs/architecture.py > docs/architecture.svg

A box is what there is, an arrow what goes from one to another. Colours follow the reader's scheme, light or dark.
"""

from html import escape

SIZE = (876, 470)
TITLE = "transform: a worker and a server over one registry"
DESCRIPTION = """The worker lists the input folder, scores what is stale by the latest approved version of the registry, and publishes to the
output folder, or says in the failed folder why not. The server answers programs over HTTP by the same versions, and captures what it
answered. Training and registering add versions, a person approves them. What both score is held against the version's baseline."""

# Left, top, width, height, kind, name, lines. A line that begins with a slash is a path.
BOXES = [
    (16, 20, 220, 92, "outside", "programs", ["curl, boto3, MLflow,", "Triton, TensorFlow Serving"]),
    (276, 20, 308, 92, "program", "server", ["/transform serve", "keys, limits, HTTP protocols"]),
    (648, 20, 212, 92, "folder", "spool/capture", ["what was asked and answered,", "for monitoring and labels"]),
    (16, 152, 220, 108, "program", "data scientists", ["/transform train, evaluate", "/transform models register", "XGBoost, LightGBM, ONNX"]),
    (276, 152, 308, 108, "folder", "spool/models/GROUP/1, 2, 3…", ["artifact, signature, golden rows, baseline", "pending, until a person decides:", "/transform models approve"]),
    (648, 152, 212, 108, "program", "monitoring", ["drift, quality, bias, labels", "results held, alerts, status", "/transform monitor, status"]),
    (16, 318, 220, 92, "folder", "spool/input", ["dropped by producers: CSV,", "JSON Lines, Parquet, Arrow"]),
    (276, 300, 308, 152, "program", "worker", ["/transform (a service), transform --once", "lists, compares, plans what is stale", "format → batch → lineup → predictions", "publishes whole files, then records:", "/state/ledger.db"]),
    (648, 300, 212, 68, "folder", "spool/output", ["X.csv.out: whole, or not there"]),
    (648, 384, 212, 68, "folder", "spool/failed", ["why not, and the way out"]),
]

# Way, kind, label and its place.
ARROWS = [
    ("M276 66 H238", "rows both", None),
    ("M584 66 H646", "rows", None),
    ("M236 206 H274", "models", None),
    ("M430 152 V114", "models", ("approved", 438, 137)),
    ("M430 260 V298", "models", ("approved", 438, 284)),
    ("M236 364 H274", "rows", None),
    ("M584 342 H646", "rows", None),
    ("M584 418 H646", "rows", None),
    ("M584 318 H616 V206 H646", "counts", None),
    ("M754 112 V150", "counts", None),
]

STYLE = """
    svg { --ink: #1f2328; --quiet: #59636e; --line: #8c959f; --folder: #f6f8fa; --program: #ddf4ff; --rows: #1a7f37; --models: #0969da;
          --counts: #9a6700; }
    @media (prefers-color-scheme: dark) {
      svg { --ink: #f0f6fc; --quiet: #9198a1; --line: #6e7681; --folder: #151b23; --program: #0c2d4d; --rows: #3fb950; --models: #4493f8;
            --counts: #d29922; }
    }
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); }
    .name { font-weight: 600; }
    .quiet { fill: var(--quiet); font-size: 12px; }
    .path { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; }
    rect { stroke: var(--line); }
    .folder { fill: var(--folder); } .program { fill: var(--program); } .outside { fill: none; stroke-dasharray: 4 3; }
    .arrow { fill: none; stroke-width: 2; }
"""


def box(left, top, width, height, kind, name, lines):
    yield f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{height}" rx="8"/>'
    yield f'<text class="name" x="{left + 14}" y="{top + 26}">{escape(name)}</text>'
    for i, line in enumerate(lines):
        style, text = ("path", line[1:]) if line.startswith("/") else ("quiet", line)
        yield f'<text class="{style}" x="{left + 14}" y="{top + 50 + 22 * i}">{escape(text)}</text>'


def arrow(way, kind, label):
    colour, *both = kind.split()
    begin = f' marker-start="url(#{colour})"' if both else ""
    yield f'<path class="arrow" style="stroke: var(--{colour})" d="{way}" marker-end="url(#{colour})"{begin}/>'
    if label:
        text, x, y = label
        yield f'<text class="quiet" x="{x}" y="{y}">{escape(text)}</text>'


def marker(colour):
    return (
        f'<marker id="{colour}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
        f'<path style="fill: var(--{colour})" d="M0 0L8 4L0 8z"/></marker>'
    )


def main():
    width, height = SIZE
    lines = [
        f"<title>{escape(TITLE)}</title>",
        f"<desc>{escape(DESCRIPTION)}</desc>",
        f"<style>{STYLE}  </style>",
        "<defs>" + "".join(map(marker, ["rows", "models", "counts"])) + "</defs>",
        *(line for shape in BOXES for line in box(*shape)),
        *(line for shape in ARROWS for line in arrow(*shape)),
    ]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">')
    print("\n".join("  " + line for line in lines))
    print("</svg>")


main()
