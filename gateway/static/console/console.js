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
    // A page with keys was answered to a form: reloading it must lead to the merchant, not send the form again.
    const keys = document.querySelector("[data-reload-leads-to]");
    if (keys) window.history.replaceState(null, "", keys.dataset.reloadLeadsTo);
});
