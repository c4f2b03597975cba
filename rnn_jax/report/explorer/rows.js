// Tables whose rows are opened by a click or by Enter.

// A table with its heads, and its body for rows.
function headed(names) {
  const whole = document.createElement("table");
  const heads = whole.createTHead().insertRow();
  names.forEach(name => {
    const th = document.createElement("th");
    th.scope = "col";
    th.textContent = name;
    heads.append(th);
  });
  return [whole, whole.createTBody()];
}

// A row of cells, each a text or an element, and what opens it.
function addRow(body, cells, open) {
  const row = body.insertRow();
  row.tabIndex = 0;
  cells.forEach(said => row.insertCell().append(said));
  row.addEventListener("click", open);
  row.addEventListener("keydown", event => { if (event.key === "Enter") open(); });
  return row;
}
