// A package: its screenshots in a viewer, and the search in its fields.
import { all, find, readState, writeState } from "./common.js";

const shots = all("[data-shots] a");
const viewer = find("[data-viewer]");
if (viewer && shots.length && typeof viewer.showModal === "function") {
  const picture = find("[data-viewer-image]", viewer);
  let at = 0;
  const show = (next) => {
    at = (next + shots.length) % shots.length;
    const shot = find("img", shots[at]);
    picture.src = shots[at].href;
    picture.alt = shot.alt;
    find("[data-viewer-title]", viewer).textContent = shot.alt;
    find("[data-viewer-place]", viewer).textContent = `${at + 1} of ${shots.length}`;
  };
  shots.forEach((link, place) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(place);
    viewer.showModal();
  }));
  find(".pager", viewer).hidden = shots.length === 1;
  for (const button of all("[data-viewer-step]", viewer)) button.addEventListener("click", () => show(at + Number(button.dataset.viewerStep)));
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") show(at + 1);
    if (event.key === "ArrowLeft") show(at - 1);
  });
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  viewer.addEventListener("close", () => shots[at].focus());
}

const form = find("[data-field-filter]");
if (form) {
  const sections = all("section.fields").map((section) => ({
    section,
    rows: all("tbody tr", section).map((row) => ({ row, text: row.textContent.toLowerCase() })),
  }));
  const count = find("[data-field-count]");
  const apply = () => {
    const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { section, rows } of sections) {
      let here = 0;
      for (const { row, text } of rows) {
        const fits = words.every((word) => text.includes(word));
        row.hidden = !fits;
        here += Number(fits);
      }
      section.hidden = here === 0;
      shown += here;
    }
    count.textContent = `${shown.toLocaleString("en")} ${shown === 1 ? "field" : "fields"}`;
    find("[data-none]").hidden = shown > 0;
  };
  readState(form);
  apply();
  form.addEventListener("input", () => { apply(); writeState(new FormData(form)); });
  form.addEventListener("submit", (event) => event.preventDefault());
}
