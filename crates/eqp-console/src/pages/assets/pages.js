// Improves pages that also work without it: signs in with the code of a link, copies identifiers, shows local times, and reports when a
// page is out of date.
"use strict";

(() => {
  // Signing in with a link: the code is in the fragment, which browsers do not send.
  const secret = document.getElementById("secret");
  const useCode = () => {
    if (location.hash.length < 2) {
      return;
    }
    secret.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname + location.search);
    if (secret.form.hasAttribute("data-sign-in")) {
      secret.form.requestSubmit();
    }
  };
  if (secret) {
    // The link may also be opened while the page is shown.
    addEventListener("hashchange", useCode);
    useCode();
  }

  // A link to another submission was opened while one is shown, on a page without a form.
  if (!secret && location.pathname === "/shared") {
    const openOther = () => {
      if (location.hash.startsWith("#eqp_link_")) {
        location.replace("/shared/open" + location.hash);
      }
    };
    addEventListener("hashchange", openOther);
    openOther();
  }

  // The user continues at what went wrong.
  const summary = document.querySelector(".summary a");
  if (summary) {
    summary.focus();
  }

  // Copying identifiers and commands.
  const copied = async (text) => {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "hidden-text";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) {
      throw new Error("copying is not allowed");
    }
  };
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const result = document.createElement("span");
    result.setAttribute("role", "status");
    result.className = "muted";
    button.hidden = false;
    button.after(" ", result);
    button.addEventListener("click", async () => {
      try {
        await copied(button.dataset.copy);
        result.textContent = "Copied.";
      } catch {
        result.textContent = "Not copied: select the text instead.";
      }
      button.focus();
    });
  }

  // The local time, in addition to UTC.
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.title = new Date(time.dateTime).toLocaleString();
  }

  // Live updates. The page does not change until the user asks for it.
  const main = document.getElementById("main");
  const news = document.getElementById("news");
  if (!main || !news) {
    return;
  }
  const offer = (text) => {
    const link = document.createElement("a");
    link.href = news.dataset.show;
    link.className = "target";
    link.textContent = "show";
    news.replaceChildren(text + ", ", link);
  };
  const ended = () => {
    const link = document.createElement("a");
    link.href = location.href;
    link.className = "target";
    link.textContent = "Sign in again";
    news.replaceChildren("Your session has ended. ", link);
  };

  if (main.dataset.stream) {
    let stream = null;
    let last = null;
    let count = 0;
    const open = () => {
      const path = last === null ? main.dataset.stream : main.dataset.stream.replace(/after_seq=-?\d+/, "after_seq=" + last);
      stream = new EventSource(path);
      stream.onmessage = (message) => {
        last = message.lastEventId;
        count += 1;
        offer(count === 1 ? "1 new event" : count + " new events");
      };
      stream.addEventListener("problem", (message) => {
        if (JSON.parse(message.data).code === "unauthenticated") {
          stream.close();
          ended();
        }
      });
      stream.onerror = () => {
        // A stream that ended is opened again by the browser, unless it was refused.
        if (stream.readyState === EventSource.CLOSED && !news.textContent) {
          news.textContent = "Updates have stopped. Load the page again to continue.";
        }
      };
    };
    const follow = () => {
      if (document.hidden) {
        stream?.close();
        stream = null;
      } else if (!stream) {
        open();
      }
    };
    document.addEventListener("visibilitychange", follow);
    addEventListener("pagehide", () => stream?.close());
    follow();
  } else if (main.dataset.state !== undefined) {
    const compare = async () => {
      if (document.hidden) {
        return;
      }
      try {
        const response = await fetch(location.href);
        if (response.redirected && new URL(response.url).pathname === "/sign-in") {
          clearInterval(timer);
          ended();
          return;
        }
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const state = page.getElementById("main")?.dataset.state;
        if (response.ok && state !== undefined && state !== main.dataset.state) {
          clearInterval(timer);
          offer("This page has changed");
        }
      } catch {
        // The server cannot be reached; the next comparison may succeed.
      }
    };
    const timer = setInterval(compare, 10000);
  }
})();
