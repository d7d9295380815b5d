// Small helps; every page reads and every form posts without them.
"use strict";
(() => {
  const words = document.body.dataset;
  const language = document.documentElement.lang;
  const each = (selector, work, root = document) => root.querySelectorAll(selector).forEach(work);

  // The reader's zone: told once, so that the server writes times as they read them.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = document.cookie.split("; ").find((part) => part.startsWith("zone="));
  if (zone && known !== `zone=${zone}`) {
    document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
    const field = document.querySelector("[data-zone-default]");
    if (field && field.value === field.dataset.zoneDefault) field.value = zone;
    if (!known && zone !== "UTC" && !document.querySelector("form[data-job]")) location.reload();
  }

  // Times that go on.
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const ago = (seconds) => {
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) || units[3];
    return relative.format(Math.round(seconds / size), unit);
  };
  const two = (n) => String(n).padStart(2, "0");
  const countdown = (seconds) => {
    if (seconds <= 0) return words.wordsDue;
    if (seconds >= 86400) return ago(seconds);
    const s = Math.floor(seconds);
    return `${s >= 3600 ? Math.floor(s / 3600) + ":" : ""}${s >= 3600 ? two(Math.floor((s % 3600) / 60)) : Math.floor((s % 3600) / 60)}:${two(s % 60)}`;
  };
  const tick = () => {
    const now = Date.now();
    each("time[data-countdown]", (el) => { const text = countdown((Date.parse(el.dateTime) - now) / 1000); if (el.textContent !== text) el.textContent = text; });
    each("time[data-ago]", (el) => { const text = ago((Date.parse(el.dateTime) - now) / 1000); if (el.textContent !== text) el.textContent = text; });
  };
  setInterval(tick, 1000);
  tick();

  // Notices.
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-dismiss], [data-copy], [data-insert], [data-preset], [data-fix]");
    if (!target) {
      each("details.R-menu[open]", (menu) => { if (!menu.contains(event.target)) menu.open = false; });
      return;
    }
    if ("dismiss" in target.dataset) target.closest("[data-toast]").remove();
    if (target.dataset.copy) copy(target);
    if (target.dataset.insert) insert(target);
    if (target.dataset.preset) preset(target);
    if (target.dataset.fix) fix(target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") each("details.R-menu[open]", (menu) => { menu.open = false; menu.querySelector("summary").focus(); });
  });
  const fade = (toast) => setTimeout(() => toast.remove(), 12000);
  each("[data-toast]", fade);
  const tell = (text) => {
    const toast = document.createElement("div");
    toast.className = "R-toast flash flash-error";
    toast.dataset.toast = "";
    toast.textContent = text;
    document.getElementById("notices").append(toast);
    fade(toast);
  };
  document.addEventListener("htmx:responseError", () => tell(words.wordsFailed));
  document.addEventListener("htmx:afterSwap", tick);
  document.addEventListener("htmx:sseMessage", tick);

  // What a reader has unfolded or picked stays so when its part is drawn anew.
  const kept = new WeakMap();
  const remember = (el) => kept.set(el, { open: [...el.querySelectorAll("details")].map((part) => part.open), picked: [...el.querySelectorAll("[data-pick]:checked")].map((box) => box.value) });
  const restore = (el) => {
    const { open, picked } = kept.get(el) || { open: [], picked: [] };
    el.querySelectorAll("details").forEach((part, i) => { if (open[i]) part.open = true; });
    el.querySelectorAll("[data-pick]").forEach((box) => { if (picked.includes(box.value)) box.checked = true; });
  };
  document.addEventListener("htmx:beforeSwap", (event) => remember(event.detail.target));
  document.addEventListener("htmx:afterSwap", (event) => restore(event.detail.target || event.target));
  document.addEventListener("htmx:sseBeforeMessage", (event) => remember(event.target));
  document.addEventListener("htmx:sseMessage", (event) => restore(event.target));

  const copy = async (button) => {
    const text = document.querySelector(button.dataset.copy).textContent;
    await navigator.clipboard.writeText(text);
    const before = button.textContent;
    button.textContent = words.wordsCopied;
    setTimeout(() => { button.textContent = before; }, 2000);
  };

  // A question before what cannot be taken back lightly.
  const dialog = document.getElementById("confirm");
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const asks = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (!asks || form.dataset.sure || !dialog.showModal) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    dialog.querySelector("#confirm-words").textContent = asks;
    dialog.querySelector("[data-yes]").textContent = event.submitter?.dataset.yes || form.dataset.yes || words.wordsYes;
    dialog.returnValue = "no";
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return;
      form.dataset.sure = "yes";
      form.requestSubmit(event.submitter?.form === form ? event.submitter : undefined);
      delete form.dataset.sure;
    };
    dialog.showModal();
  }, true);

  // Several jobs at once.
  const bulk = document.querySelector("[data-bulk]");
  if (bulk) {
    const boxes = () => [...document.querySelectorAll("input[data-pick]")];
    const show = () => {
      const picked = boxes().filter((box) => box.checked);
      bulk.hidden = picked.length === 0;
      bulk.querySelector("[data-picked]").textContent = picked.length;
    };
    document.addEventListener("change", (event) => {
      if (event.target.matches("[data-pick-all]")) boxes().forEach((box) => { box.checked = event.target.checked; });
      if (event.target.matches("[data-pick], [data-pick-all]")) show();
    });
    show();
  }

  // The job form.
  const form = document.querySelector("form[data-job]");
  if (!form) return;
  const field = (name) => form.elements.namedItem(name);
  const changed = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));

  const preset = (button) => {
    form.querySelector('input[name="when_kind"][value="cron"]').checked = true;
    field("cron").value = button.dataset.preset;
    unfold();
    readCron();
    changed(field("cron"));
  };
  const insert = (button) => {
    const area = document.getElementById(button.dataset.into);
    area.setRangeText(button.dataset.insert, area.selectionStart, area.selectionEnd, "end");
    area.focus();
    changed(area);
  };
  const fix = (button) => {
    const area = field("filter");
    area.setRangeText(button.dataset.fix, +button.dataset.start, +button.dataset.end, "end");
    area.focus();
    changed(area);
  };

  const unfold = () => {
    each("[data-shown-for]", (part) => {
      const [name, values] = part.dataset.shownFor.split("=");
      const input = field(name);
      const value = input instanceof RadioNodeList ? input.value : input.value;
      part.hidden = !values.split("|").includes(value);
    }, form);
    each("option[data-target]", (option) => {
      const fits = option.dataset.target === field("target").value || option.dataset.target === "";
      option.hidden = !fits;
      option.disabled = !fits;
    }, form);
    const command = field("command");
    if (command.selectedOptions[0]?.disabled) command.value = "";
  };
  form.addEventListener("change", unfold);
  unfold();

  // The builder writes the cron line; a line it could have written is read back into it.
  const builder = form.querySelector("[data-cron-builder]");
  const part = (name) => builder.querySelector(`[data-cron="${name}"]`);
  const days = () => [...builder.querySelectorAll("[data-cron-day]")];
  const writeCron = () => {
    const each = part("each").value;
    const at = (part("time").value || "09:00").split(":").map(Number);
    const picked = days().filter((day) => day.checked).map((day) => day.value);
    const week = picked.length === 0 || picked.length === 7 ? "*" : picked.join(",") === "1,2,3,4,5" ? "1-5" : picked.join(",");
    const lines = { minutes: "*/15 * * * *", hour: `${at[1]} * * * ${week}`, day: `${at[1]} ${at[0]} * * ${week}`, month: `${at[1]} ${at[0]} 1 * *` };
    field("cron").value = lines[each];
    changed(field("cron"));
  };
  const readCron = () => {
    const found = /^(\d+) (\d+|\*) (\*|1) \* (\*|1-5|[0-6](?:,[0-6])*)$/.exec(field("cron").value.trim());
    if (!found) return;
    const [, minute, hour, day, week] = found;
    part("each").value = hour === "*" ? "hour" : day === "1" ? "month" : "day";
    part("time").value = `${two(hour === "*" ? 0 : hour)}:${two(minute)}`;
    const picked = week === "*" ? [] : week === "1-5" ? ["1", "2", "3", "4", "5"] : week.split(",");
    days().forEach((box) => { box.checked = picked.includes(box.value); });
  };
  if (builder) {
    builder.hidden = false;
    builder.addEventListener("change", writeCron);
    field("cron").addEventListener("change", readCron);
    readCron();
  }

  // Completion of the filter: a combobox after the ARIA practices.
  const query = field("filter");
  const list = document.getElementById("filter-options");
  let options = [], active = -1, asked = 0;
  const close = () => { list.hidden = true; query.setAttribute("aria-expanded", "false"); query.removeAttribute("aria-activedescendant"); active = -1; };
  const light = (n) => {
    active = n;
    [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === n)));
    if (n < 0) { query.removeAttribute("aria-activedescendant"); return; }
    query.setAttribute("aria-activedescendant", list.children[n].id);
    list.children[n].scrollIntoView({ block: "nearest" });
  };
  const take = (n) => {
    const { start, end, text } = options[n];
    query.setRangeText(text.endsWith(":") ? text : text + " ", start, end, "end");
    close();
    changed(query);
    query.focus();
    if (text.endsWith(":")) offer();
  };
  const offer = async () => {
    const mine = ++asked;
    const address = `${query.dataset.complete}?q=${encodeURIComponent(query.value)}&at=${query.selectionStart}`;
    const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || mine !== asked || document.activeElement !== query) return;
    const fresh = await answer.json();
    if (mine !== asked) return;
    const chosen = active >= 0 ? options[active].text : null;  // an answer that comes late takes no choice away
    options = fresh;
    list.replaceChildren(...options.map((option, i) => {
      const li = document.createElement("li");
      li.id = `filter-option-${i}`;
      li.className = "R-option";
      li.setAttribute("role", "option");
      const [left, right] = [document.createElement("span"), document.createElement("span")];
      left.className = "R-mono";
      left.textContent = option.text;
      right.textContent = option.help;
      li.append(left, right);
      li.addEventListener("mousedown", (event) => { event.preventDefault(); take(i); });
      return li;
    }));
    list.hidden = options.length === 0;
    query.setAttribute("aria-expanded", String(options.length > 0));
    light(options.findIndex((option) => option.text === chosen));
  };
  let timer;
  query.addEventListener("input", (event) => { clearTimeout(timer); if (event.isTrusted) timer = setTimeout(offer, 120); });
  query.addEventListener("blur", close);
  query.addEventListener("keydown", (event) => {
    if (list.hidden) { if (event.key === " " && event.ctrlKey) { event.preventDefault(); offer(); } return; }
    if (event.key === "ArrowDown") { event.preventDefault(); light((active + 1) % options.length); }
    else if (event.key === "ArrowUp") { event.preventDefault(); light((active - 1 + options.length) % options.length); }
    else if ((event.key === "Enter" || event.key === "Tab") && active >= 0) { event.preventDefault(); take(active); }
    else if (event.key === "Escape") { event.preventDefault(); close(); }
  });
})();
