// Elements with text in them, never markup: what customers write reaches the page by these alone (SEC-36).

/**
 * @param {string} name of the element
 * @param {object} properties set on it; `aria…`, `role` and `for` become attributes
 * @param {...(Node|string|null)} children strings become text
 */
export function make(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && !key.startsWith("aria")) {
      made[key] = value;
    } else {
      made.setAttribute(key, value);
    }
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function button(text, onClick, className = "") {
  const made = make("button", {type: "button", className}, text);
  made.addEventListener("click", onClick);
  return made;
}

let fields = 0;

/** A label with its field, in the order a person reads them. */
export function labelled(text, field) {
  field.id ||= `field-${++fields}`;
  return [make("label", {for: field.id}, text), field];
}

/** A form whose one submit does `onSubmit`; the page stays. */
export function form(onSubmit, properties, ...children) {
  const made = make("form", properties, ...children);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    onSubmit(made);
  });
  return made;
}
