"""The frame of every page: a small style of our own that looks like GitHub."""

import html

from bot.demo.core import Core

STYLE = """
:root{--fg:#1f2328;--muted:#59636e;--line:#d1d9e0;--soft:#f6f8fa;--link:#0969da;--bg:#fff;--ok:#1a7f37;--done:#8250df}
@media(prefers-color-scheme:dark){:root{--fg:#f0f6fc;--muted:#9198a1;--line:#3d444d;--soft:#151b23;--link:#4493f8;--bg:#0d1117;--ok:#238636;--done:#8957e5}}
*{box-sizing:border-box}body{margin:0;color:var(--fg);background:var(--bg);font:14px/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}header{background:var(--soft);border-bottom:1px solid var(--line);padding:14px 24px;font-size:16px}
main{max-width:1012px;margin:24px auto;padding:0 16px}h1{font-weight:400;font-size:28px;line-height:1.25;margin:0 0 8px}h1 .number{color:var(--muted)}
.muted{color:var(--muted)}.state{color:#fff;background:var(--ok);border-radius:2em;padding:4px 12px;font-weight:500}.state.closed{background:var(--done)}.state.shut{background:#cf222e}
.box{border:1px solid var(--line);border-radius:6px;margin:16px 0;overflow:hidden}.box>.head{background:var(--soft);border-bottom:1px solid var(--line);padding:8px 16px;color:var(--muted)}
.box>.head strong{color:var(--fg)}.body{padding:16px;overflow-wrap:anywhere}.row{padding:10px 16px;border-top:1px solid var(--line)}.row:first-child{border-top:0}.row a.title{color:var(--fg);font-weight:600;font-size:16px}
.label{display:inline-block;border-radius:2em;padding:0 8px;font-size:12px;font-weight:500;line-height:20px;border:1px solid var(--line);margin-left:4px}
pre,code{font:12px/1.45 ui-monospace,SFMono-Regular,Menlo,monospace;background:var(--soft);border-radius:6px}code{padding:.2em .4em}pre{padding:16px;overflow:auto}pre code{padding:0}
table{border-collapse:collapse}td,th{border:1px solid var(--line);padding:6px 13px}blockquote{border-left:4px solid var(--line);color:var(--muted);margin:0;padding:0 1em}
.btn{border:1px solid var(--line);border-radius:6px;background:var(--soft);color:var(--fg);padding:5px 16px;font:inherit;font-weight:500;cursor:pointer}.btn-primary{background:var(--ok);color:#fff}
.reactions span{border:1px solid var(--line);border-radius:2em;padding:2px 8px;margin-right:6px;font-size:12px}.diff .add{background:#2da44e26}.diff .del{background:#cf222e26}.diff span{display:block;white-space:pre}
nav.tabs a{margin-right:16px}.body>:first-child{margin-top:0}.body>:last-child{margin-bottom:0}details{margin:8px 0}summary{cursor:pointer}.face{width:20px;height:20px;border-radius:50%;vertical-align:-5px;margin-right:8px}.reactions{margin-top:12px}.diff{margin:0}img{max-width:100%}
"""


def page(core: Core, title: str, body: str) -> str:
    """A whole page around a body that is HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<header><a href="{html.escape(core.url)}/"><strong>GitHub, embedded</strong></a></header>'
        f"<main>{body}</main></body></html>"
    )
