// Small conveniences. The server's guards, not these, make sure that money moves once.
document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-goes-there]")) window.location.search = event.target.value;
});
document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-once]")) return;
    for (const button of event.target.querySelectorAll("button[type=submit]")) button.disabled = true;
});
// Coming back by the browser's own button finds the form usable again.
window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("form[data-once] button[type=submit]")) button.disabled = false;
});
document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = "Copied";
});
document.addEventListener("DOMContentLoaded", () => {
    // With a keyboard, past the side bar's thirty links at once.
    const content = document.getElementById("content");
    if (content) {
        content.tabIndex = -1;
        const skip = Object.assign(document.createElement("a"), { href: "#content", className: "tg-skip", textContent: "Skip to content" });
        document.body.prepend(skip);
    }
    // A page with keys was answered to a form: reloading it must lead to the merchant, not send the form again.
    const keys = document.querySelector("[data-reload-leads-to]");
    if (keys) window.history.replaceState(null, "", keys.dataset.reloadLeadsTo);
});
// One box finds everything: `/` or Ctrl+K goes there from anywhere but a field.
document.addEventListener("keydown", (event) => {
    const box = document.getElementById("find-anything");
    if (!box) return;
    const writing = event.target.closest("input, textarea, select, [contenteditable]");
    const palette = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (!palette && (event.key !== "/" || writing || event.ctrlKey || event.metaKey || event.altKey)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    box.focus();
    box.select();
}, true);
// Times are shown in the zone of whoever looks; the server learns of it here.
try {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) document.cookie = `tg_zone=${encodeURIComponent(zone)}; path=/admin; max-age=31536000; samesite=lax`;
} catch { /* Then they stay in UTC, which each one says. */ }
