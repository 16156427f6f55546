//! What a page with a picture has of its own: how it looks, and what it does where scripts run. The script reads and
//! changes classes and sizes of what is there; it writes no markup and asks for nothing.

/// The page's own rules, after those of the picture.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--back:#fff;--text:#1c2128;--quiet:#59636e;--rule:#d1d9e0;--soft:#f6f8fa;--accent:#0969da}
@media screen and (prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--quiet:#9da7b3;--rule:#3d444d;--soft:#161b22;--accent:#58a6ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:15px/1.45 system-ui,sans-serif}
header{padding:12px 16px;border-bottom:1px solid var(--rule)}
h1{font-size:20px;margin:0;overflow-wrap:anywhere}
header p{margin:2px 0 8px;color:var(--quiet)}
.tools{display:none;flex-wrap:wrap;gap:8px 16px;align-items:center}
.scripted .tools{display:flex}
.tools input{font:inherit;width:min(240px,60vw);padding:4px 8px;border:1px solid var(--rule);border-radius:6px;background:var(--back);color:inherit}
.tools button{font:inherit;min-width:36px;padding:3px 10px;border:1px solid var(--rule);border-radius:6px;background:var(--soft);color:inherit;margin-right:4px}
#hits{color:var(--quiet)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:8px 0 0;padding:0;font-size:13px}
.legend li{display:flex;gap:6px;align-items:center}
.legend span{color:var(--quiet)}
main{display:grid;grid-template-columns:minmax(0,1fr)}
.pane{overflow:auto;padding:8px}
.pane svg{display:block}
.scripted .pane{height:66vh;cursor:grab;border-bottom:1px solid var(--rule)}
.scripted .pane.moving{cursor:grabbing;user-select:none}
.details{padding:8px 16px 32px;min-width:0}
.hint{display:none;color:var(--quiet)}
.scripted .hint{display:block}
.scripted .chosen~.hint,.scripted .has-chosen .hint{display:none}
article{border-top:1px solid var(--rule);padding:10px 0;scroll-margin-top:8px}
article:target,article.chosen{border-top-color:var(--accent)}
.scripted article{display:none}
.scripted article.chosen{display:block}
h2{font-size:17px;margin:0 0 6px;overflow-wrap:anywhere}
h3{font-size:13px;margin:10px 0 2px;color:var(--quiet);font-weight:600}
dl{margin:0;display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 12px}
dt{color:var(--quiet)}
dd{margin:0;min-width:0}
pre{margin:0;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere}
ul{margin:0;padding-left:20px;overflow-wrap:anywhere}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.dim{opacity:.25}
@media (min-width:900px){.scripted main{grid-template-columns:minmax(0,1fr) 380px}\
.scripted .pane{height:calc(100vh - 150px);border-bottom:0;border-right:1px solid var(--rule)}.scripted .details{max-height:calc(100vh - 150px);overflow:auto}}
@media print{.tools,.hint{display:none!important}.pane,.scripted .pane{height:auto;overflow:visible;border:0;padding:0}\
.pane svg{max-width:100%;height:auto;max-height:95vh}.scripted main{display:block}.details,.scripted .details{max-height:none;overflow:visible}\
article,.scripted article{display:block;break-inside:avoid}.dim{opacity:1}a{color:inherit}}
";

/// What the page does.
pub(super) const SCRIPT: &str = r"(() => {
'use strict';
const root = document.documentElement, pane = document.querySelector('.pane'), svg = pane.querySelector('svg');
const details = document.querySelector('.details'), search = document.getElementById('search'), hits = document.getElementById('hits');
const articles = [...document.querySelectorAll('article')];
root.classList.add('scripted');
const drawn = id => [...pane.querySelectorAll('a')].find(a => a.getAttribute('href') === '#' + id);

const choose = id => {
  for (const article of articles) article.classList.toggle('chosen', article.id === id);
  for (const a of pane.querySelectorAll('a')) a.firstElementChild.classList.toggle('chosen', a.getAttribute('href') === '#' + id);
  details.classList.toggle('has-chosen', articles.some(article => article.id === id));
  details.scrollTop = 0;
};
const show = id => {
  const a = drawn(id);
  if (a) a.scrollIntoView({ block: 'center', inline: 'center' });
};
const follow = () => choose(location.hash.slice(1));
addEventListener('hashchange', () => { follow(); });
document.addEventListener('click', event => {
  const a = event.target.closest('a');
  if (!a) return;
  const id = (a.getAttribute('href') || '').slice(1);
  event.preventDefault();
  history.replaceState(null, '', '#' + id);
  choose(id);
  if (!pane.contains(a)) show(id);
});

if (svg) {
  const width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
  let scale = 1;
  const zoom = to => {
    const x = (pane.scrollLeft + pane.clientWidth / 2) / scale, y = (pane.scrollTop + pane.clientHeight / 2) / scale;
    scale = Math.min(4, Math.max(0.05, to));
    svg.setAttribute('width', width * scale);
    svg.setAttribute('height', height * scale);
    pane.scrollLeft = x * scale - pane.clientWidth / 2;
    pane.scrollTop = y * scale - pane.clientHeight / 2;
  };
  const whole = () => Math.min(1, (pane.clientWidth - 16) / width, (pane.clientHeight - 16) / height);
  const steps = { in: () => scale * 1.25, out: () => scale / 1.25, one: () => 1, whole };
  for (const button of document.querySelectorAll('[data-zoom]')) {
    button.addEventListener('click', () => zoom(steps[button.dataset.zoom]()));
  }
  pane.addEventListener('wheel', event => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(scale * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, { passive: false });
  // no smaller than can be read
  zoom(Math.max(Math.min(1, (pane.clientWidth - 16) / width), 0.7));
  // where it begins
  const first = svg.querySelector('[data-node] rect');
  const middle = first ? first.x.baseVal.value + first.width.baseVal.value / 2 : width / 2;
  pane.scrollTop = 0;
  pane.scrollLeft = middle * scale - pane.clientWidth / 2;

  let from = null;
  pane.addEventListener('pointerdown', event => {
    if (event.pointerType !== 'mouse' || event.button !== 0 || event.target.closest('a')) return;
    from = { x: event.clientX + pane.scrollLeft, y: event.clientY + pane.scrollTop };
    pane.classList.add('moving');
    pane.setPointerCapture(event.pointerId);
  });
  pane.addEventListener('pointermove', event => {
    if (!from) return;
    pane.scrollLeft = from.x - event.clientX;
    pane.scrollTop = from.y - event.clientY;
  });
  const rest = () => { from = null; pane.classList.remove('moving'); };
  pane.addEventListener('pointerup', rest);
  pane.addEventListener('pointercancel', rest);
}

let found = [], nth = 0;
search.addEventListener('input', () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  found = words.length ? articles.filter(article => words.every(word => article.dataset.words.includes(word))) : [];
  nth = 0;
  const ids = new Set(found.map(article => '#' + article.id));
  for (const a of pane.querySelectorAll('a')) {
    const of = a.firstElementChild, hit = ids.has(a.getAttribute('href'));
    of.classList.toggle('found', hit);
    if (of.classList.contains('node')) of.classList.toggle('dim', words.length > 0 && !hit);
  }
  hits.textContent = words.length ? found.length + ' found' : '';
});
search.addEventListener('keydown', event => {
  if (event.key !== 'Enter' || !found.length) return;
  event.preventDefault();
  const article = found[nth % found.length];
  nth += 1;
  choose(article.id);
  show(article.id);
});
follow();
})();
";
