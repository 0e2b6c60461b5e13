"""Keys and clicks for a dashboard of plain ipywidgets: they press its own buttons and fill its own number box.

ipywidgets sends no key events, and a script in an ``HTML`` widget does not run; an ``onload`` attribute does, in JupyterLab, in
Voilà and on static pages. The few lines of JavaScript below listen on the window, before JupyterLab does: otherwise "x" would cut
the cell. They know nothing of labels: a key presses the button of class ``astroview-key-<key>``, a click on a curve sets the box of
class ``astroview-index``. Where a page forbids inline handlers, the buttons still work.
"""

from __future__ import annotations

import html

#: A picture of one transparent pixel, whose loading starts the script.
_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
#: A key held down repeats; no faster than this, so that pictures keep up.
_REPEAT_MS = 120

_SCRIPT = (
    """
const rootOf = (element) => element?.closest?.('.astroview');
const typing = (element) => element.matches('input, textarea, select') || element.isContentEditable;
if (!window.astroviewKeys) {
  window.astroviewKeys = true;
  let last = 0;
  window.addEventListener('keydown', (event) => {
    const root = rootOf(event.target);
    if (!root || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key.length === 1) event.stopImmediatePropagation();
    if (event.key.startsWith('Arrow') && event.target.closest('[role=slider]')) return;
    const button = root.querySelector('.astroview-key-' + CSS.escape(event.key));
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat && event.timeStamp - last < REPEAT_MS) return;
    last = event.timeStamp;
    button.click();
  }, true);
  document.addEventListener('click', (event) => {
    const root = rootOf(event.target), plot = event.target.closest?.('.astroview-plot');
    const box = root?.querySelector('.astroview-index input');
    if (!plot || !box) return;
    const place = plot.getBoundingClientRect(), n = Number(plot.dataset.frames);
    const share = (event.clientX - place.left) / place.width;
    box.value = Math.min(n - 1, Math.max(0, Math.floor(share * n)));
    box.dispatchEvent(new Event('change', {bubbles: true}));
  });
  document.addEventListener('mouseup', (event) => {
    const root = rootOf(event.target);
    if (root && !event.target.closest('input, textarea, select, button, [contenteditable], [role=slider]'))
      root.focus({preventScroll: true});
  });
  document.addEventListener('change', (event) => {
    if (event.target.matches('.astroview select')) rootOf(event.target).focus({preventScroll: true});
  });
}
const start = (left) => {
  const root = rootOf(this);
  if (!root) { if (left) setTimeout(start, 100, left - 1); return; }
  root.tabIndex = 0;
  if (document.activeElement === document.body && document.getElementById('jupyter-config-data'))
    root.focus({preventScroll: true});
};
start(100);
"""
).replace("REPEAT_MS", str(_REPEAT_MS))

_STYLE = """
.astroview {border: 1px solid transparent; padding: 4px}
.astroview:focus, .astroview:focus-within {outline: none; border-color: #06c}
.astroview .astroview-series {display: block; position: relative; overflow: hidden; border: 1px solid #999}
.astroview .astroview-series > * {display: block; margin: 0; width: 100%; height: auto}
.astroview .astroview-series > .astroview-marker {position: absolute; top: 0; bottom: 0; left: 0; height: 100%;
  pointer-events: none}
.astroview-marker .widget-html-content {position: absolute; top: 0; bottom: 0; left: 0; right: 0}
.astroview-line {position: absolute; top: 0; bottom: 0; width: 0; border-left: 2px solid #080}
.astroview-panel {position: relative; background: #fff; color: #222; line-height: 1.2; border-bottom: 1px solid #ccc}
.astroview-panel span {position: absolute; right: 4px; top: 8px; background: #fffc; font-weight: bold; pointer-events: none}
.astroview-panel small {position: absolute; left: 2px; background: #fffc; pointer-events: none}
.astroview-plot {display: block; width: 100%; height: 90px; cursor: crosshair}
.astroview-frame img {display: block; max-width: 100%; image-rendering: pixelated; cursor: pointer}
.astroview-alert {color: #fff; background: #a00; padding: 4px 8px; line-height: 1.4; overflow-wrap: anywhere}
"""


def keys_html(legend: str) -> str:
    """Make the HTML that brings keys, clicks and style into a widget of class ``astroview``.

    Parameters
    ----------
    legend : str
        What the keys do, plain text; shown.

    Returns
    -------
    str
        Content for an ``ipywidgets.HTML`` within that widget.
    """
    script = html.escape(_SCRIPT, quote=True)
    pixel = f'<img src="{_PIXEL}" alt="keys" width="1" height="1" style="display: inline" onload="{script}">'
    return f"<style>{_STYLE}</style><small>{html.escape(legend)}</small>{pixel}"
