/** The report's only style sheet. Contrast is 4.5 to 1 at least, in both colour schemes and on paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f5f6f8; --line: #d5d9e0; --text: #1c2230; --soft: #525c6e; --link: #0b57c2;
  --good: #176b36; --still: #3c5a86; --warn: #8a5300; --bad: #b3201f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161d; --card: #1b212b; --line: #3a4352; --text: #e8ecf3; --soft: #aab4c4; --link: #8ab8ff;
    --good: #6fd391; --still: #9dbbe8; --warn: #f0b35a; --bad: #ff8f8a;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 .8rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 0; display: inline; }
h4 { font-size: .95rem; margin: 1.2rem 0 .4rem; }
p, ul, ol { margin: .4rem 0; }
ul, ol { padding-left: 1.4rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
code { font: .86em/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--page); padding: .5rem; }
dl.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .8rem; margin: 1rem 0; }
dl.figures > div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
dl.figures dt { color: var(--soft); font-size: .88rem; }
dl.figures dd { margin: 0; font-size: 1.5rem; font-weight: 650; line-height: 1.25; }
dl.figures dd small { display: block; font-size: .82rem; font-weight: 400; color: var(--soft); }
svg.bar { display: block; width: 100%; height: 1.1rem; border-radius: .3rem; }
.fill-imported, .fill-unchanged { fill: var(--good); } .fill-unchanged { opacity: .7; }
.fill-skipped, .fill-planned { fill: var(--still); } .fill-planned { opacity: .6; }
.fill-importing { fill: var(--warn); } .fill-failed { fill: var(--bad); }
.status { font-weight: 650; white-space: nowrap; }
.status::before { content: ""; display: inline-block; width: .6em; height: .6em; border-radius: 50%; margin-right: .4em; background: currentColor; }
.imported, .unchanged, .available { color: var(--good); }
.skipped, .planned { color: var(--still); }
.importing, .drift { color: var(--warn); }
.failed { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; margin: .5rem 0; }
caption { text-align: left; color: var(--soft); padding: .2rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; border-bottom-width: 2px; }
tbody th { font-weight: 600; }
th a { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details.app { border: 1px solid var(--line); border-radius: .5rem; margin: .6rem 0; padding: 0 1rem; }
details.app > summary { cursor: pointer; padding: .6rem 0; }
details.app[open] { padding-bottom: 1rem; }
summary .soft { margin-left: .5rem; }
ol.steps > li { margin: .3rem 0; }
@media print {
  :root {
    --page: #fff; --card: #fff; --line: #999; --text: #000; --soft: #444; --link: #000;
    --good: #176b36; --still: #3c5a86; --warn: #8a5300; --bad: #b3201f;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .skip, nav { display: none; }
  a { text-decoration: none; }
  svg.bar, .status::before { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details.app::details-content { content-visibility: visible; block-size: auto; }
  details.app { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 0; }
  h2, h3, h4, summary, caption, thead { break-after: avoid; }
  tr, li, dl.figures > div { break-inside: avoid; }
}
`;
