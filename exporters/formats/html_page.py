"""Style and script of the page."""

from __future__ import annotations

STYLE = """\
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --back: #fff; --box: #f4f6f8; --line: #d1d9e0;
  --link: #0550ae; --error: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --back: #0d1117; --box: #161b22;
  --line: #30363d; --link: #6cb6ff; --error: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--back);
  display: grid; grid-template: auto 1fr / minmax(14rem, 20rem) 1fr; }
header { grid-column: 1 / -1; position: sticky; top: 0; background: var(--back); border-bottom: 1px solid var(--line);
  padding: .5rem 1rem; display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; }
h1 { font-size: 1.1rem; margin: 0; } h2 { margin: 0 0 .2rem; } h3 { font-size: .8rem; margin: 0 0 .4rem; }
h3, .about, .file, small, figcaption, output { color: var(--soft); }
input { font: inherit; padding: .3rem .6rem; min-width: 12rem; flex: 1; max-width: 30rem; }
nav { grid-row: 2; grid-column: 1; border-right: 1px solid var(--line); padding: .5rem 1rem; overflow: auto;
  position: sticky; top: 3.5rem; max-height: calc(100vh - 3.5rem); }
nav ol { list-style: none; margin: 0; padding: 0; } nav li { margin: .4rem 0; overflow-wrap: anywhere; }
main { grid-row: 2; grid-column: 2; padding: 1rem; min-width: 0; max-width: 60rem; }
article { margin-bottom: 4rem; scroll-margin-top: 4rem; }
section { padding: .6rem 1rem; margin: .6rem 0; border-radius: .4rem; overflow-wrap: anywhere; }
section.user { background: var(--box); }
pre { overflow: auto; padding: .6rem; background: var(--box); border: 1px solid var(--line); border-radius: .3rem; }
section.user pre { background: var(--back); }
code, pre { font: .875em/1.45 ui-monospace, monospace; }
img { max-width: 100%; height: auto; } figure { margin: .5rem 0; }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .2rem .5rem; }
blockquote { margin: .5rem 0; padding-left: .8rem; border-left: 3px solid var(--line); }
a { color: var(--link); } .error { color: var(--error); } details { margin: .4rem 0; } summary { cursor: pointer; }
[hidden] { display: none; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; max-height: 40vh; border: 0; } }
@media print { header, nav { display: none; } body { display: block; } }"""

SCRIPT = """\
(() => {
  const field = document.getElementById("search"), found = document.getElementById("found");
  const articles = [...document.querySelectorAll("article")];
  const links = new Map([...document.querySelectorAll("nav a")].map(a => [a.hash.slice(1), a.parentElement]));
  let texts = null, waiting = 0;
  const show = () => {
    texts ??= articles.map(article => article.textContent.toLowerCase());
    const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let count = 0;
    articles.forEach((article, number) => {
      const matches = words.every(word => texts[number].includes(word));
      count += matches;
      article.hidden = !matches;
      links.get(article.id).hidden = !matches;
    });
    found.textContent = words.length ? `${count} of ${articles.length}` : "";
  };
  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 120); });
})();
"""

PAGE_END = "<script>SCRIPT</script>\n</body>\n</html>\n"
