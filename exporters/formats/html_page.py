"""Style and script of the page."""

from __future__ import annotations

STYLE = """\
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --back: #fff; --box: #f4f6f8; --line: #d1d9e0;
  --link: #0550ae; --error: #b3261e; --mark: #ffe08a; --here: #ff9f43; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --back: #0d1117; --box: #161b22;
  --line: #30363d; --link: #6cb6ff; --error: #ff8a80; --mark: #6b5300; --here: #a34f00; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--back);
  display: grid; grid-template: auto 1fr / minmax(14rem, 20rem) minmax(0, 1fr); }
header { grid-column: 1 / -1; position: sticky; top: 0; z-index: 1; background: var(--back);
  border-bottom: 1px solid var(--line); padding: .5rem 1rem; display: flex; gap: 1rem; align-items: center; }
header h1 { font-size: 1.1rem; margin: 0; }
input { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: .3rem;
  padding: .3rem .6rem; min-width: 6rem; flex: 1; max-width: 30rem; }
nav { grid-area: 2 / 1; border-inline-end: 1px solid var(--line); padding: .5rem 1rem; overflow: auto;
  position: sticky; top: 3.2rem; max-height: calc(100vh - 3.2rem); }
nav ol { list-style: none; margin: 0; padding: 0; } nav li { margin: .4rem 0; overflow-wrap: anywhere; }
nav a { unicode-bidi: isolate; }
main { grid-area: 2 / 2; padding: 1rem; max-width: 60rem; }
article { margin-bottom: 4rem; }
article > h2 { margin: 0 0 .2rem; line-height: 1.3; overflow-wrap: anywhere; }
section > h3:first-child { font-size: .8rem; margin: 0 0 .4rem; }
section > h3:first-child, .about, .file, small, figcaption, output { color: var(--soft); }
output { white-space: nowrap; }
section { padding: .6rem 1rem; margin: .6rem 0; border-radius: .4rem; overflow-wrap: anywhere; }
section.user { background: var(--box); }
section h1, section h2, h3:not(:first-child), h4, h5, h6 { font-size: 1em; line-height: 1.3; margin: 1.2em 0 .5em; }
section h1 { font-size: 1.5em; } section h2 { font-size: 1.3em; } section h3:not(:first-child) { font-size: 1.15em; }
section > h3:first-child + p, details > p:first-of-type { margin-top: 0; } section > :last-child { margin-bottom: 0; }
pre { overflow: auto; padding: .6rem; background: var(--box); border: 1px solid var(--line); border-radius: .3rem; }
section.user pre { background: var(--back); }
code, pre { font: .875em/1.45 ui-monospace, monospace; } pre code { font-size: inherit; }
:not(pre) > code { background: var(--box); border-radius: .2rem; padding: .1em .3em; }
section.user :not(pre) > code { background: var(--back); }
img { max-width: 100%; max-height: 80vh; width: auto; height: auto; } figure { margin: .5rem 0; }
.table { overflow-x: auto; margin: .8rem 0; } table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .2rem .5rem; overflow-wrap: normal; min-width: 5em; }
blockquote { margin: .5rem 0; padding-inline-start: .8rem; border-inline-start: 3px solid var(--line); }
hr { border: 0; border-top: 1px solid var(--line); }
a { color: var(--link); } .error { color: var(--error); } details { margin: .4rem 0; } summary { cursor: pointer; }
details[open] { padding-inline-start: .8rem; border-inline-start: 3px solid var(--line); }
details[open] > summary { margin-inline-start: -.8rem; padding-inline-start: .8rem; }
[hidden] { display: none; }
::highlight(found) { background: var(--mark); } ::highlight(here) { background: var(--here); }
@media (max-width: 50rem) {
  body { grid-template: auto auto 1fr / minmax(0, 1fr); }
  nav { grid-area: 2 / 1; position: static; max-height: 30vh; border: 0; border-bottom: 1px solid var(--line); }
  main { grid-area: 3 / 1; }
  section { padding: .6rem; }
}
@media print {
  header, nav { display: none; } body { display: block; font-size: 11pt; } main { max-width: none; padding: 0; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; } .table { overflow: visible; }
  h2, h3, summary { break-after: avoid; } figure, tr { break-inside: avoid; } img { max-height: 15cm; }
}"""

SCRIPT = """\
(() => {
  const field = document.getElementById("search"), found = document.getElementById("found");
  const articles = [...document.querySelectorAll("article")];
  const links = new Map([...document.querySelectorAll("nav a")].map(a => [a.hash.slice(1), a.parentElement]));
  const most = 1000, marks = "highlights" in CSS;
  let texts = null, waiting = 0, ranges = [], place = -1, opened = [];
  const ranged = (article, words) => {
    const nodes = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    for (let node; ranges.length < most && (node = nodes.nextNode());) {
      const text = node.data.toLowerCase();
      for (const word of text.length === node.data.length ? words : []) {
        for (let at = text.indexOf(word); at >= 0 && ranges.length < most; at = text.indexOf(word, at + word.length)) {
          const range = new Range();
          range.setStart(node, at);
          range.setEnd(node, at + word.length);
          ranges.push(range);
        }
      }
    }
  };
  const mark = () => {
    if (!marks) return;
    CSS.highlights.set("found", new Highlight(...ranges));
    CSS.highlights.set("here", new Highlight(...ranges.slice(place, place + 1).filter(() => place >= 0)));
  };
  const show = () => {
    texts ??= articles.map(article => article.textContent.toLowerCase());
    const words = [...new Set(field.value.toLowerCase().split(/\\s+/).filter(Boolean))];
    let count = 0;
    opened.forEach(details => { details.open = false; });
    [ranges, place, opened] = [[], -1, []];
    articles.forEach((article, number) => {
      const matches = words.every(word => texts[number].includes(word));
      count += matches;
      article.hidden = !matches;
      links.get(article.id).hidden = !matches;
      if (matches && words.length) ranged(article, words);
    });
    found.textContent = !words.length ? "" : count ? `${count} of ${articles.length}` : "Nothing found";
    mark();
  };
  const go = step => {
    if (!ranges.length) return;
    place = (place + step + ranges.length) % ranges.length;
    const parent = ranges[place].startContainer.parentElement;
    for (let fold = parent.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      if (!fold.open) { fold.open = true; opened.push(fold); }
    }
    parent.scrollIntoView({ block: "center" });
    mark();
  };
  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 120); });
  field.addEventListener("keydown", event => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    go(event.shiftKey ? (place < 0 ? 0 : -1) : 1);
  });
  document.addEventListener("keydown", event => {
    if (event.key !== "/" || event.target === field || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach(details => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach(details => { details.open = false; }));
})();
"""

PAGE_END = "<script>SCRIPT</script>\n</body>\n</html>\n"
