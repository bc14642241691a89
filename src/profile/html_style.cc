#include "profile/html.h"

namespace trommel::profile {

std::string_view page_style() {
  return R"css(
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --line: #e3e6eb; --text: #1a2230; --soft: #5b6678; --faint: #8a94a6;
  --bar: #3b6fd4; --bar-soft: #d9e4f8; --good: #2a9d7c; --good-soft: #d8efe8; --odd: #b4540a; --odd-soft: #fdf0e2;
  --plus: #3b6fd4; --minus: #d1603d; --code: #f1f3f7; --shadow: 0 1px 2px rgb(20 30 50 / .06), 0 4px 16px rgb(20 30 50 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10141b; --card: #181d27; --line: #2a3140; --text: #e6eaf1; --soft: #a3adbd; --faint: #768296;
    --bar: #6f9cf0; --bar-soft: #25334f; --good: #4cc3a0; --good-soft: #1b3a34; --odd: #f0a35e; --odd-soft: #3a2a1a;
    --plus: #6f9cf0; --minus: #ee8664; --code: #202736; --shadow: none;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -.01em; margin: 4px 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 19px; letter-spacing: -.005em; margin: 44px 0 4px; }
h3 { font-size: 16px; margin: 0; overflow-wrap: anywhere; }
h4 { font-size: 11px; letter-spacing: .06em; text-transform: uppercase; color: var(--faint); font-weight: 600; margin: 18px 0 6px; }
p { margin: 0 0 14px; color: var(--soft); max-width: 76ch; }
a { color: inherit; text-decoration: none; }
a:hover { text-decoration: underline; }
.kicker { font-size: 12px; letter-spacing: .08em; text-transform: uppercase; color: var(--faint); font-weight: 600; }
.num { font-variant-numeric: tabular-nums; }
.right { text-align: right; }
code, pre { font: 13px/1.55 ui-monospace, SFMono-Regular, "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 22px 0 8px; }
.tile, .card, .panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.tile { padding: 14px 16px; }
.tile b { display: block; font-size: 24px; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; }
.tile span { color: var(--soft); font-size: 13px; }
.tile.odd b { color: var(--odd); }
.guesses { margin: 14px 0 0; padding: 0; list-style: none; color: var(--soft); font-size: 13px; }
.guesses li { padding-left: 14px; position: relative; overflow-wrap: anywhere; }
.guesses li::before { content: ""; position: absolute; left: 0; top: .62em; width: 5px; height: 5px; border-radius: 50%; background: var(--faint); }
.panel { padding: 8px 20px; overflow-x: auto; margin-top: 12px; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-size: 11px; letter-spacing: .06em; text-transform: uppercase; color: var(--faint); font-weight: 600; padding: 8px 12px 8px 0; white-space: nowrap; }
td { padding: 7px 12px 7px 0; border-top: 1px solid var(--line); vertical-align: middle; }
th:last-child, td:last-child { padding-right: 0; }
.overview td:first-child { font-weight: 600; overflow-wrap: anywhere; }
.overview .spark { width: 150px; }
.overview .complete { width: 170px; }
.type { font-size: 12px; color: var(--soft); background: var(--code); border-radius: 6px; padding: 1px 7px; white-space: nowrap; }
.filled { display: flex; align-items: center; gap: 10px; font-size: 13px; color: var(--soft); }
.filled .num { width: 4ch; text-align: right; }
.track { flex: 1; height: 7px; min-width: 60px; border-radius: 4px; background: var(--odd-soft); overflow: hidden; box-shadow: inset 0 0 0 1px var(--line); }
.track i { display: block; height: 100%; background: var(--good); }
.flag { display: inline-block; font-size: 12px; border-radius: 6px; padding: 1px 7px; white-space: nowrap; background: var(--good-soft); color: var(--good); }
.flag.odd { background: var(--odd-soft); color: var(--odd); }
.cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; margin-top: 14px; }
.card { padding: 18px 20px 20px; }
.card > header { max-width: none; padding: 0; margin: 0; display: flex; align-items: baseline; gap: 10px; flex-wrap: wrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(66px, auto)); gap: 10px 14px; margin: 12px 0 14px; }
.facts div span { display: block; font-size: 12px; color: var(--faint); }
.facts div b { font-weight: 600; overflow-wrap: anywhere; }
svg { display: block; width: 100%; }
svg rect { fill: var(--bar); }
.chart { border-bottom: 1px solid var(--line); }
.axis { display: flex; justify-content: space-between; gap: 8px; font-size: 12px; color: var(--faint); margin-top: 4px; }
.beyond { font-size: 12px; color: var(--odd); margin-top: 2px; }
.strip { position: relative; height: 20px; margin-top: 8px; }
.strip i { position: absolute; top: 9px; height: 2px; background: var(--faint); border-radius: 1px; }
.strip .box { top: 4px; height: 12px; background: var(--bar-soft); border: 1px solid var(--bar); border-radius: 3px; }
.strip .middle { top: 2px; height: 16px; width: 2px; background: var(--bar); margin-left: -1px; }
.strip .mean { top: 6px; width: 8px; height: 8px; margin-left: -4px; border-radius: 50%; background: var(--minus); border: 1px solid var(--card); }
.quantiles { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); font-size: 12px; margin-top: 4px; }
.quantiles.dates { grid-auto-flow: row; grid-template-columns: repeat(auto-fit, minmax(112px, 1fr)); gap: 4px; }
.quantiles span { display: block; color: var(--faint); }
.tops { display: grid; grid-template-columns: minmax(56px, max-content) 1fr max-content; gap: 5px 12px; align-items: center; font-size: 13px; }
.tops .value { max-width: 220px; overflow: hidden; text-overflow: ellipsis; white-space: pre; }
.tops .of { height: 9px; border-radius: 3px; background: var(--bar); min-width: 1px; }
.odds { font-size: 13px; display: grid; gap: 5px; }
.odds div { display: flex; gap: 10px; align-items: baseline; background: var(--odd-soft); border-radius: 7px; padding: 4px 10px; }
.odds code { color: var(--odd); font-weight: 600; white-space: pre-wrap; overflow-wrap: anywhere; flex: none; max-width: 45%; }
.odds span { color: var(--soft); }
.rules { display: flex; flex-wrap: wrap; gap: 6px; }
.rules code { background: var(--code); border-radius: 6px; padding: 2px 8px; overflow-wrap: anywhere; }
.rules code.broken { background: var(--odd-soft); }
.rules small { color: var(--odd); }
.together { width: auto; }
.together td, .together th { padding-right: 18px; padding-left: 6px; }
.together td.dot { text-align: center; width: 34px; padding-right: 0; }
.together th.dot { height: 92px; vertical-align: bottom; padding: 0 0 6px; width: 34px; }
.together th.dot span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); text-transform: none; letter-spacing: 0; font-size: 12px; max-height: 110px; }
.dot i { display: inline-block; width: 11px; height: 11px; border-radius: 50%; background: var(--line); }
.dot i.gone { background: var(--odd); }
.heat { border-spacing: 2px; border-collapse: separate; width: auto; font-size: 12px; }
.heat th, .heat td { border: 0; padding: 0; text-transform: none; letter-spacing: 0; }
.heat th.row { text-align: right; padding-right: 8px; font-size: 12px; color: var(--soft); }
.heat th.head { vertical-align: bottom; text-align: center; padding-bottom: 6px; }
.heat th.head span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); font-size: 12px; color: var(--soft); max-height: 120px; }
.heat td { min-width: 42px; height: 30px; text-align: center; border-radius: 5px; }
.legend { display: flex; gap: 16px; font-size: 12px; color: var(--faint); margin: 10px 0 6px; flex-wrap: wrap; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 20px; overflow-x: auto; user-select: all; margin: 12px 0 0; }
footer { color: var(--faint); font-size: 13px; padding-top: 36px; padding-bottom: 48px; }
@media (max-width: 760px) {
  main, header, footer { padding-left: 16px; padding-right: 16px; }
  header { padding-top: 24px; }
  h1 { font-size: 23px; }
  .cards { grid-template-columns: minmax(0, 1fr); }
  .panel { padding: 6px 14px; }
  .overview .distinct, .overview .kind { display: none; }
  .overview .spark { width: 84px; }
  .overview .complete { width: 104px; }
  .tops .value { max-width: 130px; }
  .tile b { font-size: 20px; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
}
@media print {
  :root {
    color-scheme: light;
    --ground: #fff; --card: #fff; --line: #d5d9e0; --text: #111; --soft: #444; --faint: #666; --bar: #3b6fd4; --bar-soft: #d9e4f8;
    --good: #2a9d7c; --good-soft: #d8efe8; --odd: #9a4607; --odd-soft: #fbeede; --plus: #3b6fd4; --minus: #d1603d; --code: #f1f3f7; --shadow: none;
  }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 11px; }
  main, header, footer { max-width: none; padding-left: 0; padding-right: 0; }
  .card, .tile, tr, pre { break-inside: avoid; }
  h2 { break-after: avoid; }
  .panel { overflow: visible; }
  pre { white-space: pre-wrap; }
}
)css";
}

}  // namespace trommel::profile
