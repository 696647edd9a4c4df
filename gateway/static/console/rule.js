// The editor of risk rules, and tests on past payments. Without this, the server says the same after a click.
const form = document.getElementById("rule");
if (form) {
    const text = document.getElementById("id_expression");
    const said = document.getElementById("checked");
    let latest = 0;
    let waiting;
    const check = async () => {
        const number = ++latest;
        const asked = new FormData(form);
        asked.set("mode", form.dataset.mode);
        if (form.dataset.merchant) asked.set("merchant", form.dataset.merchant);
        try {
            const answer = await fetch(form.dataset.check, { method: "POST", body: asked });
            // A later answer may have come before this one.
            if (answer.ok && number === latest) said.innerHTML = await answer.text();
        } catch { /* Away for a moment: the next stroke asks again. */ }
    };
    const soon = () => { clearTimeout(waiting); waiting = setTimeout(check, 300); };
    text.addEventListener("input", soon);
    form.addEventListener("change", soon);
    const write = (piece) => {
        const [from, to] = [text.selectionStart, text.selectionEnd];
        const gap = from > 0 && !/[\s(!]$/.test(text.value.slice(0, from)) ? " " : "";
        text.setRangeText(gap + piece, from, to, "end");
        text.focus();
        soon();
    };
    document.addEventListener("click", (event) => {
        const fact = event.target.closest("[data-fact]");
        if (fact) write(fact.dataset.fact);
        const example = event.target.closest("[data-example]");
        if (!example) return;
        text.value = example.dataset.example;
        form.querySelector(`[name=action][value=${example.dataset.action}]`).checked = true;
        const name = form.querySelector("[name=name]");
        if (name && !name.value) name.value = example.dataset.name;
        text.focus();
        check();
    });
    document.querySelector("[data-finds-facts]").addEventListener("input", (event) => {
        const sought = event.target.value.toLowerCase();
        for (const item of document.querySelectorAll(".tg-palette li")) item.hidden = !item.textContent.toLowerCase().includes(sought);
        for (const group of document.querySelectorAll(".tg-palette details")) group.hidden = !group.querySelector("li:not([hidden])");
    });
    if (text.value) check();
}
const goesOn = document.querySelector("form[data-goes-on]");
if (goesOn && !goesOn.hidden) {
    goesOn.hidden = true;
    const figures = document.getElementById("figures");
    const step = async () => {
        const asked = new FormData(goesOn);
        asked.set("piece", "yes");
        try {
            const answer = await fetch(window.location.href, { method: "POST", body: asked });
            if (!answer.ok) throw new Error(answer.statusText);
            figures.innerHTML = await answer.text();
        } catch {
            goesOn.hidden = false;
            return;
        }
        if (figures.querySelector("[data-done=no]")) step();
    };
    step();
}
