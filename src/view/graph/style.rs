//! How a picture looks: for light and dark screens and for paper, from fonts that every system has. Signs, words and
//! the forms of lines say what colours say.

/// The rules of a picture's classes.
pub const CSS: &str = "\
.lgflow-picture{--paper:#fff;--ink:#1c2128;--faint:#59636e;--line:#4b535d;--box:#f6f8fa;--edge:#8c959f;--tint:#0969da;\
--loop:#0b57a4;--sub:#6639ba;--good:#1a7f37;--bad:#cf222e;--warn:#9a6700;\
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:11px}
.lgflow-picture .paper{fill:var(--paper)}
.lgflow-picture text{fill:var(--ink);white-space:pre}
.lgflow-picture .node rect{fill:var(--box);stroke:var(--edge);stroke-width:1.2}
.lgflow-picture .node text{text-anchor:middle;fill:var(--faint)}
.lgflow-picture .node .id{font-size:13px;font-weight:600;fill:var(--ink)}
.lgflow-picture .region>rect{fill:var(--tint);fill-opacity:.045;stroke-width:1.2}
.lgflow-picture .loop>rect{stroke:var(--loop)}
.lgflow-picture .subgraph>rect{stroke:var(--sub);stroke-dasharray:2 3;fill:var(--sub)}
.lgflow-picture .region .id{font-weight:600}
.lgflow-picture .edge .line{fill:none;stroke:var(--line);stroke-width:1.4;stroke-linejoin:round}
.lgflow-picture .edge .head{fill:var(--line)}
.lgflow-picture .otherwise .line{stroke-dasharray:10 4}
.lgflow-picture .catch .line{stroke-dasharray:4 3;stroke:var(--bad)}
.lgflow-picture .catch .head{fill:var(--bad)}
.lgflow-picture .always .line{stroke-dasharray:.1 4;stroke-width:2.4;stroke-linecap:round}
.lgflow-picture .back .line{stroke-width:2.6;stroke:var(--loop)}
.lgflow-picture .back .head{fill:var(--loop)}
.lgflow-picture .label{text-anchor:middle}
.lgflow-picture .back .label{text-anchor:start}
.lgflow-picture .not-taken{opacity:.4}
.lgflow-picture .taken .line{stroke-width:2.6}
.lgflow-picture .standing{font-weight:600}
.lgflow-picture .succeeded rect{stroke:var(--good);stroke-width:2}
.lgflow-picture .succeeded .standing{fill:var(--good)}
.lgflow-picture .failed rect,.lgflow-picture .denied rect{stroke:var(--bad);stroke-width:3}
.lgflow-picture .failed .standing,.lgflow-picture .denied .standing{fill:var(--bad)}
.lgflow-picture .running rect,.lgflow-picture .waiting rect{stroke:var(--warn);stroke-width:2.4}
.lgflow-picture .running .standing,.lgflow-picture .waiting .standing{fill:var(--warn)}
.lgflow-picture .skipped rect,.lgflow-picture .not-reached rect,.lgflow-picture .cancelled rect{stroke-dasharray:5 4}
.lgflow-picture a{cursor:pointer}
.lgflow-picture a:hover rect{stroke:var(--tint)}
.lgflow-picture a:focus{outline:none}
.lgflow-picture a:focus-visible rect,.lgflow-picture .found rect,.lgflow-picture .chosen rect{stroke:var(--tint);stroke-width:3}
@media screen and (prefers-color-scheme:dark){.lgflow-picture{--paper:#0d1117;--ink:#e6edf3;--faint:#9da7b3;\
--line:#a4adb8;--box:#1c232c;--edge:#6e7681;--tint:#58a6ff;--loop:#6cb2ff;--sub:#b794f6;--good:#3fb950;--bad:#ff7b72;--warn:#d8a531}}
";
