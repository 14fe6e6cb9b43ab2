"use strict";
(function () {
  var box = document.getElementById("search"), input = document.getElementById("q"),
    list = document.getElementById("hits"), status = document.getElementById("status"),
    rows = null, timer = 0, most = 100;
  function each(selector, work) {
    Array.prototype.forEach.call(document.querySelectorAll(selector), work);
  }
  function heading(node) {
    var part = node.closest("section");
    return part ? part.querySelector("h2").textContent : "";
  }
  function all() {
    // Only made for the first search, because the page may have tens of thousands of rows.
    if (!rows) {
      rows = [];
      each("main tbody tr, main .names li", function (node) {
        var text = node.textContent.replace(/\s+/g, " ").trim();
        rows.push({ node: node, text: text, lower: text.toLowerCase() });
      });
    }
    return rows;
  }
  function show(node) {
    for (var up = node.parentElement; up; up = up.parentElement) {
      if (up.tagName === "DETAILS") { up.open = true; }
    }
    each(".found", function (old) { old.classList.remove("found"); });
    node.classList.add("found");
    node.setAttribute("tabindex", "-1");
    node.focus();
    node.scrollIntoView({ block: "center" });
  }
  function search() {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean), hits = [];
    list.textContent = "";
    if (words.length) {
      hits = all().filter(function (row) {
        return words.every(function (word) { return row.lower.indexOf(word) >= 0; });
      });
    }
    hits.slice(0, most).forEach(function (row) {
      var item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = heading(row.node) + ": " + row.text.slice(0, 200);
      button.addEventListener("click", function () { show(row.node); });
      item.appendChild(button);
      list.appendChild(item);
    });
    var more = hits.length > most ? ", the first " + most + " are shown" : "";
    status.textContent = words.length ? hits.length + " found" + more : "";
  }
  // For browsers that do not print collapsed parts, although the style sheet asks for it.
  window.addEventListener("beforeprint", function () {
    each("details:not([open])", function (part) { part.open = true; part.shut = true; });
  });
  window.addEventListener("afterprint", function () {
    each("details", function (part) { if (part.shut) { part.open = part.shut = false; } });
  });
  if (!box) { return; }
  box.hidden = false;
  input.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(search, 120); });
}());
