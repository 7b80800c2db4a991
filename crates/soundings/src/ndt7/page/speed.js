"use strict";
// One download and one upload by ndt7; the server's last message of each says what the figures mean.

const SUBPROTOCOL = "net.measurementlab.ndt.v7";
const RUN_MS = 10000;
// The server ends each test; who hears nothing for this long gives up, as the document allows.
const PATIENCE_MS = 13000;
// Between looks at the queue of tests.
const LOOK_MS = 1000;
const FIRST_BYTES = 8192;
const MOST_BYTES = 1 << 20;
const SCALING_FRACTION = 16;
// So many messages may wait in the browser.
const AHEAD = 7;
const CHUNK_BYTES = 65536;

// Three significant digits with their unit.
function shownRate(bitsPerSecond) {
  const units = [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"], [1, "bit/s"]];
  const [factor, unit] = units.find(([factor]) => bitsPerSecond >= factor) || units[3];
  return Number((bitsPerSecond / factor).toPrecision(3)) + " " + unit;
}

function shownTime(seconds) {
  return Number((seconds * 1e3).toPrecision(3)) + " ms";
}

function randomMessage(bytes) {
  const message = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    crypto.getRandomValues(message.subarray(at, Math.min(at + CHUNK_BYTES, bytes)));
  }
  return message;
}

// Runs one test. `tell` hears {opened} once, then {seconds, rate, measurement} as the test goes on. Resolves to
// {bytes, seconds, measurement}, where the last measurement of the server may hold its verdict.
function runTest(kind, base, tell) {
  return new Promise((resolve, reject) => {
    const query = "client_name=portolan-speed-page&client_library_name=portolan";
    const socket = new WebSocket(base + "/ndt/v7/" + kind + "?" + query, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    let begun = null, last = null, bytes = 0, ended = 0, size = FIRST_BYTES, sending = null, patience = null;
    const seconds = () => (begun === null ? 0 : Math.min(performance.now() - begun, ended || Infinity) / 1e3);
    const say = () => tell({ seconds: seconds(), rate: reached(), measurement: last });
    const reached = () => {
      const server = last && last.AppInfo;
      if (kind === "upload" && server && server.ElapsedTime > 0) return server.NumBytes * 8e6 / server.ElapsedTime;
      return seconds() > 0 ? (kind === "upload" ? bytes - socket.bufferedAmount : bytes) * 8 / seconds() : 0;
    };
    let message = kind === "upload" ? randomMessage(size) : null;
    const send = () => {
      if (socket.readyState !== 1 || performance.now() - begun >= RUN_MS) return;
      while (socket.bufferedAmount < AHEAD * size) {
        socket.send(message);
        bytes += size;
        if (size < MOST_BYTES && size <= bytes / SCALING_FRACTION) {
          size *= 2;
          message = randomMessage(size);
        }
      }
      sending = setTimeout(send, 0);
    };
    socket.onopen = () => {
      begun = performance.now();
      tell({ opened: true });
      patience = setTimeout(() => socket.close(), PATIENCE_MS);
      if (kind === "upload") send();
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") {
        try { last = JSON.parse(event.data); } catch { return; }
        say();
      } else {
        bytes += event.data.byteLength;
        ended = performance.now() - begun;
      }
    };
    socket.onclose = (event) => {
      clearTimeout(sending);
      clearTimeout(patience);
      if (begun === null) return reject(new Error("This host did not begin the test: it is busy, or stopping. Try again in a minute."));
      if (!last) return reject(new Error("The connection ended before anything was measured" + (event.reason ? ": " + event.reason : "") + "."));
      resolve({ bytes, seconds: seconds(), rate: reached(), measurement: last });
    };
  });
}

// What is to be shown of a verdict: titles and lines, in the order of importance.
function explained(direction, verdict) {
  if (!verdict) {
    const says = "The host's verdict did not arrive: the connection was too slow for it to come in time.";
    return [{ title: direction, says, figures: [], next: "" }];
  }
  return verdict.findings.map((finding) => ({ title: direction, ...finding }));
}

const at = (id) => document.getElementById(id);
const [start, status, progress] = [at("start"), at("status"), at("progress")];
const base = (location.protocol === "https:" ? "wss://" : "ws://") + location.host;

// Asks for the queue while the socket waits to be opened.
const waitTold = (name) => {
  const timer = setInterval(async () => {
    try {
      const turn = await (await fetch("/speed/turn")).json();
      if (turn.running > 0) {
        const most = turn.at_most_seconds;
        status.textContent = `Another test is running; the ${name} begins in ${most} seconds at most` +
          (turn.waiting > 1 ? `, or later, since ${turn.waiting} tests wait.` : ".");
      }
    } catch { /* The test itself tells what is wrong. */ }
  }, LOOK_MS);
  return () => clearInterval(timer);
};

const direction = async (kind, name, offset) => {
  status.textContent = `The ${name} begins.`;
  const stop = waitTold(name);
  try {
    const result = await runTest(kind, base, (news) => {
      if (news.opened) {
        stop();
        status.textContent = `The ${name} runs.`;
        return;
      }
      progress.value = offset + Math.min(news.seconds, 10);
      at(kind).textContent = shownRate(news.rate);
      const tcp = news.measurement && news.measurement.TCPInfo;
      if (tcp && tcp.MinRTT > 0) at("latency").textContent = shownTime(tcp.MinRTT / 1e6);
    });
    const verdict = result.measurement.Verdict;
    at(kind).textContent = shownRate(verdict ? verdict.rate_bits_per_second : result.rate);
    return explained(name[0].toUpperCase() + name.slice(1), verdict);
  } finally {
    stop();
  }
};

const show = (findings) => {
  at("findings").replaceChildren(...findings.map((finding) => {
    const article = document.createElement("article");
    const add = (parent, tag, text) => {
      const element = document.createElement(tag);
      element.textContent = text;
      parent.append(element);
      return element;
    };
    add(article, "h3", finding.title);
    add(article, "p", finding.says);
    if (finding.figures.length) {
      const list = add(article, "ul", "");
      finding.figures.forEach((figure) => add(list, "li", figure));
    }
    if (finding.next) add(article, "p", finding.next);
    return article;
  }));
  at("verdict").hidden = findings.length === 0;
};

start.hidden = false;
start.addEventListener("click", async () => {
  start.disabled = true;
  at("verdict").hidden = true;
  progress.value = 0;
  progress.hidden = at("numbers").hidden = false;
  ["download", "upload", "latency"].forEach((id) => { at(id).textContent = "–"; });
  let findings = [];
  try {
    findings = await direction("download", "download", 0);
    findings = findings.concat(await direction("upload", "upload", 10));
    status.textContent = `Done: ${at("download").textContent} down, ${at("upload").textContent} up.`;
  } catch (error) {
    status.textContent = error.message;
  }
  show(findings);
  progress.hidden = true;
  start.disabled = false;
  start.textContent = "Test again";
});
