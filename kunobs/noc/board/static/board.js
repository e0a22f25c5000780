// The board's script: fetches what changes, sounds until a human takes it, and lets a keyboard do everything. Pages work without it.
"use strict";
(() => {
  const body = document.body, one = (selector, root = document) => root.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const [days, hours, minutes, seconds] = body.dataset.units.split("|");
  const gap = body.dataset.language === "en" ? " " : "";
  const title = document.title;
  // The relay's clock, not this machine's, says how old something is.
  let ahead = Number(body.dataset.now) - Date.now();

  // Times.

  const short = (span) => {
    const left = Math.max(0, Math.floor(span / 1000));
    if (left < 60) return left + seconds;
    if (left < 3600) return Math.floor(left / 60) + minutes;
    const [first, second] = left < 86400
      ? [Math.floor(left / 3600) + hours, (Math.floor(left / 60) % 60) + minutes]
      : [Math.floor(left / 86400) + days, (Math.floor(left / 3600) % 24) + hours];
    return second[0] === "0" ? first : first + gap + second;
  };
  const countdown = (span) => {
    const left = Math.max(0, Math.floor(span / 1000));
    return left < 3600 ? Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0") : short(span);
  };
  const clock = one("#clock");
  const wallClock = new Intl.DateTimeFormat("en-GB", { timeZone: body.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const tick = () => {
    const now = Date.now() + ahead;
    if (clock) write(clock, wallClock.format(now));
    for (const node of all("time[data-since]")) write(node, short(now - node.dataset.since));
    for (const node of all("time[data-until]")) write(node, countdown(node.dataset.until - now));
  };
  tick();
  setInterval(tick, 1000);

  // What an action says.

  const said = one("#said");
  let hush = 0;
  const say = (text) => {
    if (!said) return;
    said.textContent = text;
    clearTimeout(hush);
    hush = setTimeout(() => { said.textContent = ""; }, 8000);
  };
  if (said && said.textContent) say(said.textContent);
  if (location.search.includes("said=")) {
    const address = new URL(location.href);
    address.searchParams.delete("said");
    history.replaceState(null, "", address);
  }

  // Sound: until a human takes it, two tones while a critical one waits, a siren when the whole ladder was in vain.

  const sound = one("#sound"), Audio = window.AudioContext || window.webkitAudioContext;
  let audio = null, tones = 0, sounding = 0;
  const ring = () => { const live = one("#live"); return live ? live.dataset.ring || "" : ""; };
  const tone = (frequency, at, length) => {
    const source = audio.createOscillator(), volume = audio.createGain(), start = audio.currentTime + at;
    source.frequency.value = frequency;
    source.type = "triangle";
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.6, start + 0.03);
    volume.gain.setValueAtTime(0.6, start + length - 0.05);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + length);
    source.connect(volume).connect(audio.destination);
    source.start(start);
    source.stop(start + length);
  };
  const loud = () => audio !== null && audio.state === "running";
  const play = () => {
    if (!loud()) return;
    if (ring() === "loud") for (let at = 0; at < 4; at += 1) tone(at % 2 ? 660 : 990, at * 0.3, 0.28);
    else { tone(880, 0, 0.2); tone(660, 0.25, 0.3); }
    tones += 1;
    body.dataset.tones = String(tones);
  };
  const sounds = () => {
    clearInterval(sounding);
    sounding = ring() && loud() ? setInterval(play, ring() === "loud" ? 2000 : 4000) : 0;
    if (sounding) play();
  };
  const showSound = () => {
    sound.textContent = loud() ? sound.dataset.on : sound.dataset.off;
    sound.setAttribute("aria-pressed", String(loud()));
  };
  const kept = (value) => {
    try { return value ? localStorage.setItem("sound", value) : localStorage.getItem("sound"); } catch { return null; }
  };
  let rings = "";
  const heard = () => {
    document.title = ring() ? "(" + one("#live").dataset.count + ") " + title : title;
    if (!sound || rings === ring()) return;
    rings = ring();
    sounds();
  };
  if (sound) {
    sound.hidden = false;
    if (!Audio) { sound.textContent = sound.dataset.none; sound.disabled = true; }
    else {
      const begin = () => {
        if (!audio) { audio = new Audio(); audio.onstatechange = () => { showSound(); sounds(); }; }
        showSound();
      };
      // A browser that is told to (a kiosk) lets it sound at once, any other after the button was pressed.
      if (kept() !== "off") begin();
      sound.addEventListener("click", () => {
        if (loud()) { kept("off"); audio.suspend(); return; }
        kept("on");
        begin();
        audio.resume();
      });
    }
  }

  // What is on the page follows what happens: an event says that something did, then the part that changes is fetched.

  const trouble = one("#trouble");
  const troubled = (kind) => {
    if (!trouble) return;
    trouble.hidden = !kind;
    trouble.className = "trouble " + kind;
    if (!kind) return;
    one("span", trouble).textContent = trouble.dataset[kind];
    one("a", trouble).hidden = kind !== "gone";
  };
  const cards = () => all(".card");
  const cardOf = (node) => node && node.closest ? node.closest(".card") : null;
  const swap = (text) => {
    const made = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    const live = one("#live");
    if (!made) return;
    const active = document.activeElement, within = live.contains(active);
    const card = within ? cardOf(active) : null, place = cards().indexOf(card);
    live.replaceWith(document.adoptNode(made));
    ahead = Number(made.dataset.now) - Date.now();
    tick();
    heard();
    if (!within) return;
    // A button may be gone because it was pressed, a card because it is over: then the card, or the one at its place.
    const wanted = document.getElementById(active.id) || (card && document.getElementById("open-" + card.dataset.number));
    const next = wanted || one("h3 a, h2 a", cards()[Math.min(place, cards().length - 1)] || document);
    if (next) next.focus({ preventScroll: true });
  };
  let seen = Number((one("#live") || body).dataset.seq || -1), asked = 0, asks = 0, waiting = 0, moved = 0, down = false;
  addEventListener("pointermove", () => { moved = Date.now(); }, { passive: true });
  addEventListener("pointerdown", () => { down = true; }, { passive: true });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { setTimeout(() => { down = false; }, 50); }, { passive: true });
  // Nothing moves away under a finger, or under a pointer that is about to press.
  const held = () => down || (Date.now() - moved < 3000 && one(".acts:hover") !== null);
  const fetchLive = async (force) => {
    const live = one("#live");
    if (!live) return;
    clearTimeout(waiting);
    if (!force && (held() || Date.now() - asked < 1000)) { waiting = setTimeout(fetchLive, 500); return; }
    asked = Date.now();
    waiting = setTimeout(fetchLive, 30000);
    const mine = asks += 1;
    try {
      const answer = await fetch(live.dataset.src, { headers: { "x-board": "1" }, cache: "no-store" });
      if (answer.status === 401) { over(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      // An answer that another has overtaken is old.
      if (mine !== asks) return;
      if (!force && held()) { waiting = setTimeout(fetchLive, 500); return; }
      swap(text);
      troubled("");
    } catch { troubled("lost"); waiting = setTimeout(fetchLive, 5000); }
  };
  let source = null, alive = Date.now(), ended = false;
  const over = () => { ended = true; if (source) source.close(); clearTimeout(waiting); troubled("gone"); };
  const listen = () => {
    if (ended) return;
    source = new EventSource("/board/events");
    source.addEventListener("changed", (event) => {
      alive = Date.now();
      body.dataset.live = event.data;
      if (Number(event.data) === seen) return;
      seen = Number(event.data);
      fetchLive(false);
    });
    source.addEventListener("alive", () => { alive = Date.now(); });
    source.addEventListener("gone", over);
    // The page asks by itself, and says so when nobody answers; where the stream is refused (too many browsers) it is tried again.
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 15000);
      fetchLive(false);
    };
  };
  if (one("#live") && trouble) {
    heard();
    listen();
    waiting = setTimeout(fetchLive, 30000);
    setInterval(() => { if (!ended && Date.now() - alive > 45000) { alive = Date.now(); fetchLive(true); if (source) source.close(); listen(); } }, 5000);
    addEventListener("online", () => fetchLive(true));
  }

  // Actions without leaving the page: a page that is loaded anew may not sound.

  const post = async (address, form, button) => {
    const fields = new URLSearchParams(new FormData(form));
    // Not disabled: that would take the focus away.
    if (button.dataset.busy) return false;
    button.dataset.busy = "1";
    try {
      const answer = await fetch(address, { method: "POST", body: fields, headers: { "x-board": "1" } });
      if (answer.status === 401) { over(); return false; }
      say((await answer.json()).said);
      await fetchLive(true);
      // What an action sets off, as a silence that begins, may be a moment later.
      clearTimeout(waiting);
      waiting = setTimeout(fetchLive, 1500);
      return answer.ok;
    } catch { troubled("lost"); return false; } finally { delete button.dataset.busy; }
  };
  let from = "";
  const dialog = (name, card) => {
    const box = one("#dialog-" + name);
    if (!box || !box.showModal) return false;
    const form = one("form", box);
    from = document.activeElement.id;
    if (form) {
      const number = card.dataset.number;
      form.reset();
      form.action = "/board/incidents/" + number + "/" + name;
      one(".about", box).textContent = "#" + number;
      one(".about-title", box).textContent = one("bdi", card).textContent;
    }
    box.showModal();
    return true;
  };
  for (const box of all("dialog")) {
    // What opened it may have been replaced meanwhile; the next key may come before the event says that it is closed.
    const back = () => {
      const opener = document.getElementById(from) || document.getElementById(from.replace(/^\w+/, "open"));
      if (opener && (document.activeElement === body || box.contains(document.activeElement))) opener.focus({ preventScroll: true });
    };
    const shut = () => { box.close(); back(); };
    one(".close", box).addEventListener("click", shut);
    box.addEventListener("close", back);
    const form = one("form", box);
    if (form) form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await post(form.action, form, one(".main", box))) shut();
    });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-do]");
    if (link && one("#live") && dialog(link.dataset.do, cardOf(link))) event.preventDefault();
  });
  const act = one("#act");
  if (act) act.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button) return;
    event.preventDefault();
    if (button.dataset.do === "escalate" && dialog("escalate", cardOf(button))) return;
    post(button.formAction, act, button);
  });

  // Keys.

  const select = (step) => {
    const found = cards(), at = found.indexOf(cardOf(document.activeElement));
    if (!found.length) return;
    const card = found[at < 0 ? (step > 0 ? 0 : found.length - 1) : Math.min(found.length - 1, Math.max(0, at + step))];
    const link = one("h3 a, h2 a", card);
    if (link) link.focus();
    card.scrollIntoView({ block: "nearest" });
  };
  const wanted = (action) => {
    const card = cardOf(document.activeElement) || one("header.card");
    if (!card) { select(1); return; }
    const button = one("[data-do=" + action + "]", card);
    if (button) { button.focus(); button.click(); }
  };
  const keys = {
    j: () => select(1), k: () => select(-1), "?": () => dialog("help"),
    a: () => wanted("ack"), e: () => wanted("escalate"), c: () => wanted("comment"), s: () => wanted("silence"),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || one("dialog[open]")) return;
    if (event.target.matches("input, textarea, select")) return;
    const action = keys[event.key];
    if (action) { event.preventDefault(); action(); }
  });
})();
