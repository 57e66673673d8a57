"""The report's style sheet: light and dark, by the reader's setting."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1d2433; --soft: #5d6679; --faint: #e4e8ef; --page: #f6f7fa; --card: #ffffff;
  --ok: #3b76d4; --refused: #e0a83a; --unknown: #d3475a; --p50: #2a9d8f; --p99: #8457c9;
  --leader: #2a9d8f; --follower: #b9d9d5; --down: #d3475a; --fault: #d3475a;
  --good: #1f8a5b; --bad: #c0303f;
}
@media (prefers-color-scheme: dark) { :root {
  --ink: #e6e9f0; --soft: #98a2b6; --faint: #2b3242; --page: #12151d; --card: #1a1f2a;
  --ok: #5b92ea; --refused: #d9a540; --unknown: #ea6a7a; --p50: #45bdae; --p99: #ab86e6;
  --leader: #3fb5a6; --follower: #2c4f4d; --down: #8d3542; --fault: #ea6a7a;
  --good: #2ba870; --bad: #d84b5a;
} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 22px; line-height: 1.25; margin: 0; }
h2 { font-size: 16px; margin: 34px 0 10px; }
.verdict { display: flex; gap: 18px; align-items: center; padding: 18px 22px; border-radius: 12px;
  background: var(--card); border-left: 6px solid var(--good); }
.verdict.bad { border-color: var(--bad); }
.verdict p { margin: 3px 0 0; color: var(--soft); }
.mark { width: 44px; height: 44px; border-radius: 50%; background: var(--good); color: #fff;
  font-size: 24px; display: grid; place-items: center; flex: none; }
.bad .mark { background: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); gap: 12px;
  margin-top: 14px; }
.cards div { background: var(--card); border-radius: 10px; padding: 12px 16px; }
.cards b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.cards span { color: var(--soft); font-size: 13px; }
figure { margin: 0; background: var(--card); border-radius: 12px; padding: 14px 14px 8px; }
.scroll { overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 720px; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg text.lane { font-weight: 600; fill: var(--ink); font-size: 12px; }
svg text.fault-label { fill: var(--fault); font-weight: 600; }
svg text.on-bar { fill: #fff; font-size: 10.5px; }
.grid { stroke: var(--faint); stroke-width: 1; }
.fault { fill: var(--fault); opacity: .09; }
.fault-edge { fill: var(--fault); }
.area { opacity: .85; }
.ok { fill: var(--ok); } .refused { fill: var(--refused); } .unknown { fill: var(--unknown); }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.line.p50 { stroke: var(--p50); } .line.p99 { stroke: var(--p99); }
.key.p50 { fill: var(--p50); } .key.p99 { fill: var(--p99); }
.leader { fill: var(--leader); } .follower { fill: var(--follower); }
.learner { fill: var(--follower); opacity: .55; } .candidate { fill: var(--refused); }
.down { fill: var(--down); opacity: .45; }
table { width: 100%; border-collapse: collapse; background: var(--card); border-radius: 12px;
  overflow: hidden; }
th, td { text-align: left; padding: 7px 14px; border-bottom: 1px solid var(--faint); }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
tbody tr:last-child td { border-bottom: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { background: var(--card); border-radius: 10px; padding: 10px 16px; margin-bottom: 8px;
  border-left: 4px solid var(--bad); }
summary { cursor: pointer; }
code, pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
summary code { background: var(--bad); color: #fff; border-radius: 4px; padding: 1px 6px; }
pre { overflow-x: auto; margin: 8px 0 2px; color: var(--soft); }
footer { margin-top: 34px; color: var(--soft); font-size: 13px; }
"""
