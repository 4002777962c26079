"use strict";
// Everything is relative to this page, so it works below any prefix. What the API says is written as text, never as HTML.

// A name and password in the address of the page stay out of it: `fetch` refuses such addresses.
const API = new URL("../api/", location.origin + location.pathname).href;
const list = (values) => (values || []).join(", ");
const status = (item) => [item.status, ...(item.error || [])].join(": ");
const servers = (item) => {
  const found = (item.loadBalancer && item.loadBalancer.servers) || [];
  return found.map((server) => {
    const name = server.url || server.address;
    const state = (item.serverStatus || {})[name];
    return state ? `${name} (${state})` : name;
  }).join(", ");
};

const ROUTER = { Name: "name", Rule: "rule", "Entry points": (item) => list(item.using || item.entryPoints), Service: "service", Middlewares: (item) => list(item.middlewares), Priority: "priorityStr", Status: status };
const SERVICE = { Name: "name", Type: "type", Servers: servers, "Used by": (item) => list(item.usedBy), Status: status };
const MIDDLEWARE = { Name: "name", Type: "type", "Used by": (item) => list(item.usedBy), Status: status };
const SECTIONS = {
  entrypoints: { Name: "name", Address: "address" },
  "http/routers": ROUTER, "http/services": SERVICE, "http/middlewares": MIDDLEWARE,
  "tcp/routers": ROUTER, "tcp/services": SERVICE, "tcp/middlewares": MIDDLEWARE,
  "udp/routers": ROUTER, "udp/services": SERVICE,
};

async function get(path) {
  const response = await fetch(API + path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

async function getAll(path) {
  const items = [];
  for (let page = 1; ;) {
    const response = await get(`${path}?per_page=500&page=${page}`);
    items.push(...await response.json());
    const next = Number(response.headers.get("X-Next-Page"));
    if (!(next > page)) return items;
    page = next;
  }
}

function row(kind, item, columns) {
  const line = document.createElement("tr");
  for (const [title, column] of Object.entries(columns)) {
    const cell = document.createElement(kind);
    cell.textContent = item === null ? title : String((typeof column === "function" ? column(item) : item[column]) ?? "");
    if (item !== null) cell.className = title === "Status" ? item.status : "code";
    line.append(cell);
  }
  return line;
}

function show(path, items, columns) {
  const place = document.getElementById(path.replace("/", "-"));
  if (items.length === 0) {
    place.textContent = "none";
    place.classList.add("none");
    return;
  }
  const table = document.createElement("table");
  table.append(row("th", null, columns), ...items.map((item) => row("td", item, columns)));
  place.replaceChildren(table);
}

function showProblems(problems) {
  const section = document.getElementById("problems");
  section.hidden = problems.length === 0;
  section.querySelector("ul").replaceChildren(...problems.map((problem) => {
    const line = document.createElement("li");
    line.className = problem.severity;
    const place = [problem.file, problem.line, problem.column].filter(Boolean).join(":");
    line.textContent = [place || problem.provider, problem.path, problem.message].filter(Boolean).join(": ");
    return line;
  }));
}

async function main() {
  const version = await (await get("version")).json();
  document.getElementById("version").textContent = `version ${version.Version}, running since ${new Date(version.startDate).toLocaleString()}`;
  if (version.dashboardName) {
    document.getElementById("title").textContent = document.title = version.dashboardName;
  }
  await Promise.all(Object.entries(SECTIONS).map(async ([path, columns]) => show(path, await getAll(path), columns)));
  showProblems((await (await get("rawdata")).json()).errors || []);
}

main().catch((error) => {
  const place = document.getElementById("failure");
  place.textContent = `The API does not answer: ${error.message}`;
  place.hidden = false;
});
