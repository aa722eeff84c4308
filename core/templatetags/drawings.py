"""The line icons and the shapes of emergency roles, as SVG."""

# Line icons on a 20 × 20 grid, drawn with the current text colour.
ICONS = {
    "home": "M3 9.5 10 4l7 5.5V17h-5v-4H8v4H3z",
    "map": "M2.5 5 7.5 3l5 2 5-2v12l-5 2-5-2-5 2zM7.5 3v12M12.5 5v12",
    "gap": "M10 2.5 18 17H2zM10 8v4M10 14.4v.2",
    "scenario": "M3 13c2 0 2-2 4-2s2 2 4 2 2-2 4-2 1.5 1 2.5 1.5M11.5 2.5 7.500 8h3.500L9.500 11",
    "standard": "M4 3h9l3 3v11H4zM7 9l2 2 4-4M7 14h6",
    "plan": "M4 3h12v14H4zM7 7h6M7 10h6M7 13h4",
    "registry": "M3 17V8l5-3v12M8 17V3l9 4v10zM11.5 9h2M11.5 12h2",
    "stock": "M3 6.500 10 3l7 3.500v7L10 17l-7-3.500zM3 6.500 10 10l7-3.500M10 10v7",
    "inbox": "M3 11 5 4h10l2 7v5H3zM3 11h4l1 2h4l1-2h4",
    "project": "M3 6h14v11H3zM7 6V3.500h6V6M3 11h14",
    "supervise": "M2 10c2-3.500 4.800-5.500 8-5.500s6 2 8 5.500c-2 3.500-4.800 5.500-8 5.500S4 13.500 2 10M10 12.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5",
    "run": "M10 3a7 7 0 1 0 7 7M10 6v4l3 2",
    "help": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14M8 8a2 2 0 1 1 2.500 2c-.5.2-.5.6-.5 1.200M10 13.800v.2",
    "code": "M7 6 3 10l4 4M13 6l4 4-4 4M11.500 4l-3 12",
    "user": "M10 10.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6M4 17c.4-3 3-4.500 6-4.500s5.600 1.500 6 4.500",
    "audit": "M5 3h8l3 3v11H5zM8 9h5M8 12h5",
}

# One shape and one colour per kind of emergency role; the shape alone must tell them apart.
SHAPES = {
    "circle": '<circle cx="7" cy="7" r="5.5"/>',
    "diamond": '<path d="M7 .6 13.400 7 7 13.400.600 7z"/>',
    "square": '<rect x="1.800" y="1.800" width="10.400" height="10.400"/>',
    "cross": '<path d="M5 1h4v4h4v4H9v4H5V9H1V5h4z"/>',
    "triangle": '<path d="M7 1l6.200 11.500H.800z"/>',
}
# Service types may name their shape by the role it stands for.
SHAPE_OF_ROLE = {
    "shelter": "circle",
    "open": "diamond",
    "lodging": "square",
    "medical": "cross",
    "supply": "triangle",
}
