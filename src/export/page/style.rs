//! How pages look: on light and dark screens, from 360 pixels on, and on paper. Words and signs say what colours say.

/// The rules of a page.
pub(super) const PAGE: &str = "\
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2128;--faint:#59636e;--box:#f6f8fa;--edge:#d1d9e0;--tint:#0969da;\
--good:#1a7f37;--bad:#cf222e;--warn:#9a6700;--add:#dafbe1;--del:#ffebe9}
@media screen and (prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--faint:#9da7b3;--box:#161b22;--edge:#3d444d;\
--tint:#58a6ff;--good:#3fb950;--bad:#ff7b72;--warn:#d8a531;--add:#12361f;--del:#4a1d1d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;\
overflow-wrap:anywhere}
a{color:var(--tint)}
a:focus-visible,summary:focus-visible,input:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--tint);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .6rem;padding-bottom:.2rem;border-bottom:1px solid var(--edge)}
h3{font-size:1rem;margin:1rem 0 .3rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.4rem 0;padding:0}
code,pre,.id{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:.88em}
pre{background:var(--box);border:1px solid var(--edge);border-radius:6px;padding:.6rem;margin:.4rem 0;max-height:32rem;overflow:auto;\
white-space:pre-wrap}
.faint,dt{color:var(--faint)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.6rem 0}dd{margin:0}
.state{font-weight:600;white-space:nowrap}
.good>.state,.state.good,.verdict.good b{color:var(--good)}
.bad>.state,.state.bad,.verdict.bad b,.why{color:var(--bad)}
.warn>.state,.state.warn,.verdict.warn b{color:var(--warn)}
.none>.state,.state.none{color:var(--faint)}
.verdict{border:1px solid var(--edge);border-left-width:6px;border-radius:6px;padding:.5rem .8rem;margin:.8rem 0;background:var(--box)}
.verdict.good{border-left-color:var(--good)}.verdict.bad{border-left-color:var(--bad)}.verdict.warn{border-left-color:var(--warn)}
.drawing{overflow:auto;max-height:80vh;border:1px solid var(--edge);border-radius:6px;padding:.4rem}
.drawing svg{display:block;margin:0 auto;max-width:none}
ol.time{list-style:none;margin:0;padding:0}
ol.time li{display:grid;grid-template-columns:minmax(14rem,24rem) 7.5rem 6rem minmax(6rem,1fr);gap:0 .8rem;align-items:center;\
padding:.16rem .3rem;border-bottom:1px solid var(--edge)}
ol.time .bar{width:100%;height:.8rem;background:var(--box);border-radius:3px;display:block}
ol.time .took{text-align:right;font-variant-numeric:tabular-nums}
ol.time .why{grid-column:1/-1}
.what{color:var(--faint);font-size:.85em}
.bar rect{fill:var(--faint)}.good .bar rect{fill:var(--good)}.bad .bar rect{fill:var(--bad)}.warn .bar rect{fill:var(--warn)}
.d1 .name{padding-left:.9rem}.d2 .name{padding-left:1.8rem}.d3 .name{padding-left:2.7rem}.d4 .name{padding-left:3.6rem}
.d5 .name{padding-left:4.5rem}.d6 .name{padding-left:5.4rem}.d7 .name{padding-left:6.3rem}.d8 .name{padding-left:7.2rem}
li:target,tr:target,details:has(:target)>summary{background:var(--box);box-shadow:inset 4px 0 var(--tint)}
details{border:1px solid var(--edge);border-radius:6px;margin:.4rem 0;padding:.3rem .7rem}
summary{cursor:pointer}
.diff{padding:.6rem 0}.diff span{display:block;padding:0 .6rem;min-height:1.5em}.diff .add{background:var(--add)}.diff .del{background:var(--del)}.diff .hunk{color:var(--faint)}
.wide{overflow:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--edge)}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-right:1.2rem}.unit{display:none}
fieldset{border:1px solid var(--edge);border-radius:6px;margin:.5rem 0;padding:.3rem .7rem;display:flex;flex-wrap:wrap;gap:.2rem 1rem}
footer{margin-top:2.5rem;color:var(--faint);font-size:.9em}
@media (max-width:44rem){body{padding:.7rem;font-size:14px}dl{grid-template-columns:1fr}dd{margin-bottom:.35rem}\
ol.time li{grid-template-columns:1fr auto auto}ol.time .bar{grid-column:1/-1;height:.45rem}\
.d1 .name,.d2 .name,.d3 .name,.d4 .name,.d5 .name,.d6 .name,.d7 .name,.d8 .name{padding-left:0}\
.d1 .name::before{content:'· '}.d2 .name::before{content:'·· '}.d3 .name::before{content:'··· '}.d4 .name::before{content:'···· '}\
.d5 .name::before,.d6 .name::before,.d7 .name::before,.d8 .name::before{content:'····· '}\
table.runs thead{display:none}.unit{display:inline}table.runs tr{display:block;border-bottom:1px solid var(--edge);padding:.4rem 0}\
table.runs td{display:inline-block;border:0;padding:0 .7rem 0 0;text-align:left}}
@media print{body{max-width:none;padding:0;font-size:10.5pt}nav,.skip,fieldset{display:none}pre{max-height:none}\
.drawing{max-height:none;overflow:visible;border:0}.drawing svg{width:auto;height:auto;max-width:100%;max-height:90vh}h2,h3,summary{break-after:avoid-page}\
details::details-content{content-visibility:visible;block-size:auto;display:block}ol.time li{break-inside:avoid}\
*{print-color-adjust:exact}}
";
