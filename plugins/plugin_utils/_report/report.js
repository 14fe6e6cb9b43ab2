"use strict";
(function () {
  var box = document.getElementById("search"), input = document.getElementById("q"),
    list = document.getElementById("hits"), said = document.getElementById("said"), rows = null, timer = 0, most = 100;
  function where(node) {
    var part = node.closest("section");
    return part ? part.querySelector("h2").textContent : "";
  }
  function all() {
    // Made once, when somebody searches: the page may have tens of thousands of rows.
    rows = rows || Array.prototype.map.call(document.querySelectorAll("main tbody tr, main .names li"), function (node) {
      return { node: node, text: node.textContent.replace(/\s+/g, " ").trim() };
    }).map(function (row) { row.low = row.text.toLowerCase(); return row; });
    return rows;
  }
  function show(node) {
    for (var up = node.parentElement; up; up = up.parentElement) { if (up.tagName === "DETAILS") { up.open = true; } }
    Array.prototype.forEach.call(document.querySelectorAll(".found"), function (old) { old.classList.remove("found"); });
    node.classList.add("found");
    node.setAttribute("tabindex", "-1");
    node.focus();
    node.scrollIntoView({ block: "center" });
  }
  function search() {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean), hits = [];
    list.textContent = "";
    if (words.length) {
      hits = all().filter(function (row) { return words.every(function (word) { return row.low.indexOf(word) >= 0; }); });
    }
    hits.slice(0, most).forEach(function (row) {
      var item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = where(row.node) + ": " + row.text.slice(0, 200);
      button.addEventListener("click", function () { show(row.node); });
      item.appendChild(button);
      list.appendChild(item);
    });
    said.textContent = !words.length ? "" : hits.length + " found" + (hits.length > most ? ", the first " + most + " are shown" : "");
  }
  // Where a browser does not print what is collapsed, as the style asks it to.
  window.addEventListener("beforeprint", function () {
    Array.prototype.forEach.call(document.querySelectorAll("details:not([open])"), function (part) { part.open = true; part.shut = true; });
  });
  window.addEventListener("afterprint", function () {
    Array.prototype.forEach.call(document.querySelectorAll("details"), function (part) { if (part.shut) { part.open = part.shut = false; } });
  });
  if (!box) { return; }
  box.hidden = false;
  input.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(search, 120); });
}());
