/** The page's style. No size below 13px, no text below a contrast of 4.5 to 1 in either scheme: a test measures both. */
export const style = `
:root{color-scheme:light dark;
--paper:#f7f6f2;--card:#fff;--ink:#1f2a30;--quiet:#5a666d;--rule:#e2dfd6;--grid:#ebe8e0;--accent:#1f5f63;
--life:#a9c9c4;--past:#cfd6d2;--window:#2f7f7a;--moment:#123c40;--today:#c2571a;--now:#a84410;
--good:#1d6b46;--good-bg:#e3f1e8;--busy:#265a8f;--busy-bg:#e4eef8;--warn:#7d5200;--warn-bg:#fbeecb;--bad:#a3241c;--bad-bg:#fbe4e0;--unclear:#56606a;--unclear-bg:#ebedef;
--life-warn:#e6cf92;--life-bad:#e9b4ad}
@media (prefers-color-scheme:dark){:root{
--paper:#14191c;--card:#1c2327;--ink:#e4e8e6;--quiet:#9ba8ad;--rule:#2f393e;--grid:#283136;--accent:#7cc4bf;
--life:#3c5f60;--past:#36434a;--window:#5fb3ac;--moment:#e6f6f3;--today:#f0965a;--now:#f0a06a;
--good:#86d3a6;--good-bg:#1b3528;--busy:#93c0ee;--busy-bg:#1d3046;--warn:#ecc46c;--warn-bg:#3a2f14;--bad:#f5a49b;--bad-bg:#43211e;--unclear:#b3bcc2;--unclear-bg:#2b3338;
--life-warn:#6b5722;--life-bad:#6f3731}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
header,main,footer{max-width:1240px;margin:0 auto;padding:0 24px}
header{display:flex;flex-wrap:wrap;gap:4px 24px;justify-content:space-between;align-items:baseline;padding-top:20px}
header p{margin:0}
.brand strong{font-size:18px;letter-spacing:-.01em;color:var(--accent)}
.made,footer{color:var(--quiet);font-size:14px}
footer{padding-top:8px;padding-bottom:40px}
a{color:var(--accent);text-underline-offset:3px}
a:focus-visible,summary:focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:4px}
.skip{position:absolute;left:-999px}
.skip:focus{left:16px;top:12px;background:var(--card);padding:8px 14px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;font-weight:650;margin:0}
h2{font-size:20px;line-height:1.3;letter-spacing:-.01em;margin:0 0 12px}
h3{font-size:16px;line-height:1.4;margin:0}
p{margin:0}
code{font:14px/1.4 ui-monospace,"DejaVu Sans Mono","Liberation Mono",monospace}
section{background:var(--card);border:1px solid var(--rule);border-radius:14px;padding:22px 24px;margin:0 0 20px}
.quiet{color:var(--quiet);font-size:14px;font-weight:400}
.name{font-weight:600}
.icon{width:16px;height:16px;flex:none;vertical-align:-2px}
.icon .fill{fill:currentColor}
.icon .mark{fill:none;stroke:var(--card);stroke-width:1.9;stroke-linecap:round;stroke-linejoin:round}
.good{--tone:var(--good);--tone-bg:var(--good-bg)}.busy{--tone:var(--busy);--tone-bg:var(--busy-bg)}.warn{--tone:var(--warn);--tone-bg:var(--warn-bg)}.bad{--tone:var(--bad);--tone-bg:var(--bad-bg)}.unclear{--tone:var(--unclear);--tone-bg:var(--unclear-bg)}
.badge{display:inline-flex;align-items:center;gap:6px;padding:2px 10px 2px 7px;border-radius:99px;background:var(--tone-bg);color:var(--tone);font-size:14px;font-weight:600;white-space:nowrap}
.badge .mark{stroke:var(--tone-bg)}
.verdict{display:flex;gap:16px;align-items:flex-start;padding:28px 0 18px}
.verdict>.icon{width:34px;height:34px;color:var(--tone);margin-top:1px}
.verdict .mark{stroke:var(--paper)}
.verdict p{color:var(--quiet);margin-top:4px}
.verdict .name{color:var(--ink)}
ul{list-style:none;margin:0;padding:0}
.counts{display:flex;flex-wrap:wrap;gap:8px;margin:0 0 24px}
.above{display:flex;flex-wrap:wrap;gap:4px 24px;justify-content:space-between;margin:0 4px 12px;font-size:14px}
.legend{display:flex;flex-wrap:wrap;gap:4px 22px;font-size:14px;color:var(--quiet)}
.legend li{display:flex;align-items:center;gap:8px}
.sample{width:28px;height:16px}
.problem{display:flex;gap:14px;padding:14px 0;border-top:1px solid var(--rule)}
.problem:first-child{border-top:0;padding-top:0}.problem:last-child{padding-bottom:0}
.problem>.icon{width:20px;height:20px;color:var(--tone);margin-top:2px}
.problem h3{color:var(--tone)}
.problem p{max-width:80ch}
.cure{margin-top:4px}
.cure strong{display:inline-block;background:var(--tone-bg);color:var(--tone);border-radius:6px;padding:0 8px;margin-right:4px;font-size:14px}
.concerned{margin-top:6px;color:var(--quiet);font-size:14px}
.concerned .name{font-weight:500}
summary{cursor:pointer}
.facts{display:flex;flex-wrap:wrap;gap:10px 32px;margin:0 0 18px}
.facts:empty{display:none}
dt{font-size:13px;color:var(--quiet)}dd{margin:0;min-height:28px;display:flex;flex-wrap:wrap;align-items:center;gap:2px 8px}
table{width:100%;border-collapse:collapse}
caption{text-align:left;color:var(--quiet);font-size:14px;padding-bottom:8px}
th,td{text-align:left;vertical-align:top;padding:9px 16px 9px 0;border-top:1px solid var(--rule);font-weight:400}
thead th{font-size:13px;color:var(--quiet);border-top:0;padding-top:0;padding-bottom:6px;vertical-align:bottom}
tbody .quiet{display:block}
.certificates{table-layout:fixed}
.certificates th:nth-child(1){width:25%}.certificates th:nth-child(2){width:172px}.certificates th:nth-child(3){width:116px}.certificates th:nth-child(4){width:150px}
.certificates .wide{padding-right:0}
.certificates tbody td.wide{padding-top:12px}
.certificates thead th{position:sticky;top:0;background:var(--card);z-index:1;padding-top:8px}
time{white-space:nowrap}
.none,.label{color:var(--quiet)}
.label{display:none}
.state .quiet{margin-top:2px;font-size:13px}
svg.line,svg.axis{display:block;width:100%;height:28px;overflow:hidden}
svg.axis{height:20px}
.axis text{font-size:13px;fill:var(--quiet);text-anchor:middle}
.axis .now{fill:var(--now);font-weight:650}
.grid{stroke:var(--grid)}
.past{fill:var(--past)}
.life{fill:var(--life)}
.line.warn .life{fill:var(--life-warn)}.line.bad .life{fill:var(--life-bad)}
.window{fill:var(--window)}
.moment path{fill:var(--moment);stroke:var(--card);stroke-width:1.5}
.today{stroke:var(--today);stroke-width:2}
.history .when{white-space:nowrap;color:var(--quiet)}
.history .about{width:24%}.history .words{width:46%}
details .others,.others caption{margin-top:10px}
@media (max-width:900px){
header,main,footer{padding-left:16px;padding-right:16px}
section{padding:18px 16px}
h1{font-size:24px}
.verdict>.icon{width:28px;height:28px}
table,thead,tbody,tr,caption{display:block}
thead th:not(.wide){position:absolute!important;width:1px!important;height:1px;overflow:hidden;clip-path:inset(50%)}
thead tr{display:block!important;border:0;padding:0}
.certificates thead{position:sticky;top:0;background:var(--card);z-index:1;border-bottom:1px solid var(--rule)}
.certificates tbody tr:first-child{border-top:0}
.axis .minor{display:none}
th,td{display:block;border:0;padding:0}
tr{border-top:1px solid var(--rule);padding:12px 0;display:grid;gap:4px 16px}
.certificates tr{grid-template-columns:1fr auto}
.certificates .state{text-align:right}
.certificates tbody .wide{grid-column:1/-1;padding-top:6px}
.ends .quiet,.renewal .quiet{display:inline;margin-left:6px}
.certificates .ends,.certificates .renewal{grid-column:1/-1;display:flex;flex-wrap:wrap;gap:0 6px;font-size:15px}
.ends .label,.renewal .label{display:inline;min-width:68px}
.certificates th:nth-child(n){width:auto}
.history tr{grid-template-columns:auto 1fr}
.history .about,.history .words{grid-column:1/-1;width:auto}
.others tr{grid-template-columns:1fr auto}
}
@media print{body{background:#fff}section{break-inside:avoid}.skip,.made a{display:none}}
@media (forced-colors:active){.badge,.cure strong{border:1px solid}.life,.past{fill:GrayText}.window,.moment path{fill:Highlight}}
`;
