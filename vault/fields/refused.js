// Tells the page why there are no fields. There is nothing to hide, and it may be any page's.
const message = document.getElementById("why").textContent;
window.parent.postMessage({ tollgate: 1, type: "refused", message }, "*");
